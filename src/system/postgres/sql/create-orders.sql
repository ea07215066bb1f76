-- One row an event, 72 bytes with its header. Names are stored as positions in the closed vocabulary (event.ts), money in cents,
-- time in ms since the epoch: exact, no time zone, and the hour is an integer division.
CREATE TABLE IF NOT EXISTS orders (
  id           uuid        PRIMARY KEY,
  timestamp_ms bigint      NOT NULL,
  persisted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  amount_cents integer     NOT NULL,
  type         smallint    NOT NULL,
  store        smallint    NOT NULL,
  product      smallint    NOT NULL
)
