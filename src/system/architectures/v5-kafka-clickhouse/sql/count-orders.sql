-- The same as read-totals.sql, from the orders themselves: those of batches that are stored whole. {uptos}: how far each partition is, from
-- partition 0 on; what came in no partition is history.
SELECT
  multiIf(grouping(product) = 0, 'product', grouping(store) = 0, 'store', grouping(type) = 0, 'type', grouping(hour) = 0, 'hour', 'partition') AS dimension,
  multiIf(grouping(product) = 0, toInt32(product), grouping(store) = 0, toInt32(store), grouping(type) = 0, toInt32(type), grouping(hour) = 0, hour, toInt32(partition)) AS name,
  count(), sum(amount_cents), max(upto)
FROM (
  SELECT product, store, type, toInt32(intDiv(toUnixTimestamp64Milli(timestamp), 3600000)) AS hour, partition, amount_cents, upto
  FROM orders
  WHERE partition < 0 OR upto <= {uptos:Array(UInt64)}[partition + 1]
)
GROUP BY GROUPING SETS ((product), (store), (type), (hour), (partition))
