-- One row: every order of a transaction before `watermark` is in totals, and none of a later one.
CREATE TABLE IF NOT EXISTS aggregation_state (
  one       boolean PRIMARY KEY DEFAULT true CHECK (one),
  watermark xid8    NOT NULL
)
