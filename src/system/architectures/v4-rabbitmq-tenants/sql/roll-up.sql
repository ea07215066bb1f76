-- Adds the events of workspace $1 and of transactions in [$2, $3) to the aggregations, and returns how many they are. The workspace's own rows
-- first, everybody's after them (these join the number of those), each in the order of its key: as all others do, so that nobody deadlocks.
WITH tallied AS (
  SELECT
    CASE WHEN GROUPING(product) = 0 THEN 'product' WHEN GROUPING(store) = 0 THEN 'store' WHEN GROUPING(type) = 0 THEN 'type' ELSE 'hour' END AS dimension,
    hour, COALESCE(product, store, type, hour)::integer AS key,
    count(*) AS count, sum(amount_cents) AS revenue_cents, min(amount_cents) AS min_cents, max(amount_cents) AS max_cents
  FROM (
    SELECT product, store, type, (timestamp_ms / 3600000)::integer AS hour, amount_cents
    FROM orders
    WHERE workspace_id = $1 AND xid >= $2::xid8 AND xid < $3::xid8
  ) AS rolled_up
  GROUP BY GROUPING SETS ((hour, product), (hour, store), (hour, type), (hour))
), added AS (
  INSERT INTO event_aggregations (workspace_id, dimension, hour, key, count, revenue_cents, min_cents, max_cents)
  SELECT $1, dimension, hour, key, count, revenue_cents, min_cents, max_cents FROM tallied ORDER BY dimension, hour, key
  ON CONFLICT (workspace_id, dimension, hour, key) DO UPDATE
  SET count = event_aggregations.count + excluded.count, revenue_cents = event_aggregations.revenue_cents + excluded.revenue_cents,
      min_cents = least(event_aggregations.min_cents, excluded.min_cents), max_cents = greatest(event_aggregations.max_cents, excluded.max_cents)
  RETURNING 1
), rows_added AS (
  SELECT count(*) AS rows FROM added
), added_for_everybody AS (
  INSERT INTO everybody_aggregations (dimension, hour, key, count, revenue_cents, min_cents, max_cents)
  SELECT dimension, hour, key, count, revenue_cents, min_cents, max_cents FROM rows_added, tallied WHERE rows_added.rows > 0 ORDER BY dimension, hour, key
  ON CONFLICT (dimension, hour, key) DO UPDATE
  SET count = everybody_aggregations.count + excluded.count, revenue_cents = everybody_aggregations.revenue_cents + excluded.revenue_cents,
      min_cents = least(everybody_aggregations.min_cents, excluded.min_cents), max_cents = greatest(everybody_aggregations.max_cents, excluded.max_cents)
)
SELECT COALESCE(sum(count), 0)::float8 AS count FROM tallied WHERE dimension = 'hour'
