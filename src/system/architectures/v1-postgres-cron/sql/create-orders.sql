-- One row an event. Names are stored as positions in the closed vocabulary (event.ts), money in cents, time in ms since the epoch.
-- xid: the transaction that wrote the row, from which the incremental aggregator knows what it has not counted yet.
CREATE TABLE IF NOT EXISTS orders (
  id           uuid        PRIMARY KEY,
  timestamp_ms bigint      NOT NULL,
  persisted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  xid          xid8        NOT NULL DEFAULT pg_current_xact_id(),
  amount_cents integer     NOT NULL,
  type         smallint    NOT NULL,
  store        smallint    NOT NULL,
  product      smallint    NOT NULL
)
