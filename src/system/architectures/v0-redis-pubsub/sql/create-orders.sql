-- One row an event. `seq` is SQLite's own row number: the table is written at its end alone, and as nothing is ever deleted and an id that
-- is there already takes no number, the largest one is the count. Names are positions in the closed vocabulary (event.ts), money is in cents.
CREATE TABLE IF NOT EXISTS orders (
  seq          INTEGER PRIMARY KEY,
  id           BLOB    NOT NULL UNIQUE,
  timestamp_ms INTEGER NOT NULL,
  persisted_ms INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
  amount_cents INTEGER NOT NULL,
  type         INTEGER NOT NULL,
  store        INTEGER NOT NULL,
  product      INTEGER NOT NULL
) STRICT
