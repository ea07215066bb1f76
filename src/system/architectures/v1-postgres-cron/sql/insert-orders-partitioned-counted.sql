-- insert-orders-partitioned.sql and insert-orders-counted.sql in one.
WITH given AS (
  SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::smallint[], $5::smallint[], $6::smallint[])
    AS given (id, timestamp_ms, amount_cents, type, store, product)
), new AS (
  INSERT INTO order_ids (id) SELECT id FROM given ON CONFLICT (id) DO NOTHING RETURNING id
), stored AS (
  INSERT INTO orders (id, timestamp_ms, amount_cents, type, store, product)
  SELECT id, timestamp_ms, amount_cents, type, store, product FROM given JOIN new USING (id)
  RETURNING timestamp_ms / 3600000 AS hour, amount_cents, type, store, product
), tallied AS (
  SELECT
    CASE WHEN GROUPING(product) = 0 THEN 'product' WHEN GROUPING(store) = 0 THEN 'store' WHEN GROUPING(type) = 0 THEN 'type'
         WHEN GROUPING(hour) = 0 THEN 'hour' ELSE 'all' END AS dimension,
    COALESCE(product, store, type, hour, 0)::integer AS key,
    count(*) AS count,
    sum(amount_cents) AS revenue_cents
  FROM stored
  GROUP BY GROUPING SETS ((product), (store), (type), (hour), ())
)
INSERT INTO event_counts (dimension, key, count, revenue_cents)
SELECT dimension, key, count, revenue_cents FROM tallied WHERE count > 0 ORDER BY dimension, key
ON CONFLICT (dimension, key) DO UPDATE
SET count = event_counts.count + excluded.count, revenue_cents = event_counts.revenue_cents + excluded.revenue_cents
