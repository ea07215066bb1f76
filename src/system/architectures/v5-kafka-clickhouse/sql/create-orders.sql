-- One row an event; names are stored as positions in the closed vocabulary (event.ts). `partition` of the topic, and where the cut ends that the row
-- came in, `upto`: the same for all rows of an insert, so that it takes no room. History has partition -1.
-- ORDER BY id: whether an id is known is asked of every batch, and ids of version 7 come nearly in time order, so the smallest and largest timestamp
-- of each granule serve questions about a span of time. As UUID they would be ordered by their second, random half.
-- PARTITION BY month of the newest order of its batch, so that every insert is one part: by month of each order, a batch of late ones would be a
-- part for every month they are of. The batch itself says it, not the clock: the same one sent again next month must meet its first copy.
-- TTL by when it was stored: history is as old as it says. Whole parts are dropped, nothing is written anew.
-- Blocks are remembered, so that one that comes again is stored once: 10,000 of them, hours at an insert a second and consumer.
CREATE TABLE IF NOT EXISTS orders (
  id           FixedString(16)                           CODEC(ZSTD),
  timestamp    DateTime64(3, 'UTC')                      CODEC(Delta, ZSTD),
  amount_cents UInt32                                    CODEC(ZSTD),
  type         UInt8                                     CODEC(ZSTD),
  store        UInt8                                     CODEC(ZSTD),
  product      UInt8                                     CODEC(ZSTD),
  partition    Int16                                     CODEC(ZSTD),
  upto         UInt64                                    CODEC(ZSTD),
  month        UInt32                                    CODEC(ZSTD),
  persisted_at DateTime64(3, 'UTC') DEFAULT now64(3)     CODEC(ZSTD),
  INDEX timestamps timestamp TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY month
ORDER BY id
TTL toDateTime(persisted_at) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
