-- Aggregate states by hour: hours since the epoch, and 0 for all hours together, so that a dashboard reads some 80 rows and one an hour.
-- `key` is the position of the name in its vocabulary; of 'hour' 0; of 'partition' the partition, whose `upto` says how far it is counted.
-- Not partitioned: what one insert adds is one part, so whoever reads finds a cut whole or not at all, and `upto` with it.
CREATE TABLE IF NOT EXISTS totals (
  dimension     Enum8('partition' = 0, 'product' = 1, 'store' = 2, 'type' = 3, 'hour' = 4),
  hour          UInt32,
  key           Int16,
  count         SimpleAggregateFunction(sum, UInt64),
  revenue_cents SimpleAggregateFunction(sum, UInt64),
  min_cents     SimpleAggregateFunction(min, UInt32),
  max_cents     SimpleAggregateFunction(max, UInt32),
  upto          SimpleAggregateFunction(max, UInt64)
) ENGINE = AggregatingMergeTree
ORDER BY (dimension, hour, key)
SETTINGS non_replicated_deduplication_window = 10000
