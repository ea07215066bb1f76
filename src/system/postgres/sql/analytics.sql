-- $1 from (inclusive), $2 to (exclusive), ms; $3 what to group by.
SELECT
  CASE $3 WHEN 'product' THEN product WHEN 'store' THEN store WHEN 'type' THEN type ELSE timestamp_ms / 3600000 END::integer AS key,
  count(*)::float8 AS count,
  sum(amount_cents)::float8 AS revenue_cents,
  min(amount_cents) AS min_cents,
  max(amount_cents) AS max_cents
FROM orders
WHERE timestamp_ms >= $1 AND timestamp_ms < $2
GROUP BY 1
