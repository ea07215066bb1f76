-- Adds the orders of the transactions in [$1, $2) to the totals, and returns how many they are.
WITH tallied AS (
  SELECT
    CASE WHEN GROUPING(product) = 0 THEN 'product' WHEN GROUPING(store) = 0 THEN 'store' WHEN GROUPING(type) = 0 THEN 'type'
         WHEN GROUPING(hour) = 0 THEN 'hour' ELSE 'all' END AS dimension,
    COALESCE(product, store, type, hour, 0)::integer AS key,
    count(*) AS count,
    sum(amount_cents) AS revenue_cents
  FROM (SELECT product, store, type, timestamp_ms / 3600000 AS hour, amount_cents FROM orders WHERE xid >= $1::xid8 AND xid < $2::xid8) AS parts
  GROUP BY GROUPING SETS ((product), (store), (type), (hour), ())
), added AS (
  INSERT INTO totals (dimension, key, count, revenue_cents)
  SELECT dimension, key, count, revenue_cents FROM tallied WHERE count > 0 ORDER BY dimension, key
  ON CONFLICT (dimension, key) DO UPDATE
  SET count = totals.count + excluded.count, revenue_cents = totals.revenue_cents + excluded.revenue_cents
)
SELECT count::float8 AS count FROM tallied WHERE dimension = 'all'
