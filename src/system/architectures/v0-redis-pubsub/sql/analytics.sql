-- ?1 from, ?2 to (ms, exclusive), ?3 what to group by. There is no index on time: every row is looked at.
SELECT
  CASE ?3 WHEN 'product' THEN product WHEN 'store' THEN store WHEN 'type' THEN type ELSE timestamp_ms / 3600000 END AS key,
  count(*) AS count, sum(amount_cents) AS revenue_cents, min(amount_cents) AS min_cents, max(amount_cents) AS max_cents
FROM orders
WHERE timestamp_ms >= ?1 AND timestamp_ms < ?2
GROUP BY key
