-- As create-orders.sql, a table for each day of the orders' own timestamps; order_ids keeps the ids unique across them.
CREATE TABLE IF NOT EXISTS orders (
  id           uuid        NOT NULL,
  timestamp_ms bigint      NOT NULL,
  persisted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  xid          xid8        NOT NULL DEFAULT pg_current_xact_id(),
  amount_cents integer     NOT NULL,
  type         smallint    NOT NULL,
  store        smallint    NOT NULL,
  product      smallint    NOT NULL
) PARTITION BY RANGE (timestamp_ms)
