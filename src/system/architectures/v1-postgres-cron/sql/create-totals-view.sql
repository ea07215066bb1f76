-- Dimensions and keys as in totals.
CREATE MATERIALIZED VIEW IF NOT EXISTS totals_view AS
SELECT
  CASE WHEN GROUPING(product) = 0 THEN 'product' WHEN GROUPING(store) = 0 THEN 'store' WHEN GROUPING(type) = 0 THEN 'type'
       WHEN GROUPING(hour) = 0 THEN 'hour' ELSE 'all' END AS dimension,
  COALESCE(product, store, type, hour, 0)::integer AS key,
  count(*) AS count,
  COALESCE(sum(amount_cents), 0)::bigint AS revenue_cents
FROM (SELECT product, store, type, timestamp_ms / 3600000 AS hour, amount_cents FROM orders) AS parts
GROUP BY GROUPING SETS ((product), (store), (type), (hour), ())
