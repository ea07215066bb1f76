-- What history that was written past the stream adds to the dashboard: dimension 'all', 'type', 'store', 'product' or 'hour'; key is the position
-- of the name in its vocabulary, for 'hour' the hours since the epoch, for 'all' 0.
CREATE TABLE IF NOT EXISTS totals (
  dimension     text    NOT NULL,
  key           integer NOT NULL,
  count         bigint  NOT NULL,
  revenue_cents bigint  NOT NULL,
  PRIMARY KEY (dimension, key)
)
