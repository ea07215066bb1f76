-- One batch: store what is new, count what was stored, in one transaction. $1 ids, $2 timestamps (ms), $3 cents, $4 types, $5 stores, $6 products.
-- Ids come sorted and totals are taken in order, so that two workers with the same ids wait for each other and never deadlock.
WITH stored AS (
  INSERT INTO orders (id, timestamp_ms, amount_cents, type, store, product)
  SELECT id, timestamp_ms, amount_cents, type, store, product
  FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::smallint[], $5::smallint[], $6::smallint[])
    AS given (id, timestamp_ms, amount_cents, type, store, product)
  ON CONFLICT (id) DO NOTHING
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
INSERT INTO totals (dimension, key, count, revenue_cents)
SELECT dimension, key, count, revenue_cents FROM tallied WHERE count > 0 ORDER BY dimension, key
ON CONFLICT (dimension, key) DO UPDATE
SET count = totals.count + excluded.count, revenue_cents = totals.revenue_cents + excluded.revenue_cents
