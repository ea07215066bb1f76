-- Every order, grouped in one pass; totals get the absolute figures.
INSERT INTO totals (dimension, key, count, revenue_cents)
SELECT
  CASE WHEN GROUPING(product) = 0 THEN 'product' WHEN GROUPING(store) = 0 THEN 'store' WHEN GROUPING(type) = 0 THEN 'type'
       WHEN GROUPING(hour) = 0 THEN 'hour' ELSE 'all' END,
  COALESCE(product, store, type, hour, 0)::integer,
  count(*),
  sum(amount_cents)
FROM (SELECT product, store, type, timestamp_ms / 3600000 AS hour, amount_cents FROM orders) AS parts
GROUP BY GROUPING SETS ((product), (store), (type), (hour), ())
HAVING count(*) > 0
ON CONFLICT (dimension, key) DO UPDATE SET count = excluded.count, revenue_cents = excluded.revenue_cents
WHERE (totals.count, totals.revenue_cents) <> (excluded.count, excluded.revenue_cents)
