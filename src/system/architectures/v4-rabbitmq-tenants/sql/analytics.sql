-- One workspace's orders of a span of time, in one statement and so from one snapshot: whole hours from the rollups and from what is not in
-- them yet, the hours that are cut from the orders themselves.
-- Sums in floating point are exact up to 2^53, and no numbers of any length have to be made. `+ 0` keeps the planner, which cannot know how little
-- is not rolled up, from walking the index by time through all there is in place of the one by transaction; and the COALESCE is in a
-- SELECT of its own because row-level security lets no index be used with an expression that might tell what it sees, as it takes COALESCE to do.
-- $1 workspace, $2 what to group by, [$3, $4) whole hours, [$5, $6) and [$7, $8) what is cut off before and after them, ms.
SELECT key, sum(count::float8) AS count, sum(revenue_cents::float8) AS revenue_cents, min(min_cents) AS min_cents, max(max_cents) AS max_cents
FROM (
  SELECT key, count, revenue_cents, min_cents, max_cents
  FROM event_aggregations
  WHERE workspace_id = $1 AND dimension = $2 AND hour >= $3::integer AND hour < $4::integer
  UNION ALL
  SELECT
    CASE $2 WHEN 'product' THEN product WHEN 'store' THEN store WHEN 'type' THEN type ELSE timestamp_ms / 3600000 END::integer,
    1, amount_cents, amount_cents, amount_cents
  FROM orders
  WHERE workspace_id = $1 AND xid >= (SELECT coalesce((SELECT watermark FROM rollup_state WHERE workspace_id = $1), '1'::xid8))
    AND timestamp_ms + 0 >= $3::bigint * 3600000 AND timestamp_ms + 0 < $4::bigint * 3600000
  UNION ALL
  SELECT
    CASE $2 WHEN 'product' THEN product WHEN 'store' THEN store WHEN 'type' THEN type ELSE timestamp_ms / 3600000 END::integer,
    1, amount_cents, amount_cents, amount_cents
  FROM orders
  WHERE workspace_id = $1 AND timestamp_ms >= $5::bigint AND timestamp_ms < $6::bigint
  UNION ALL
  SELECT
    CASE $2 WHEN 'product' THEN product WHEN 'store' THEN store WHEN 'type' THEN type ELSE timestamp_ms / 3600000 END::integer,
    1, amount_cents, amount_cents, amount_cents
  FROM orders
  WHERE workspace_id = $1 AND timestamp_ms >= $7::bigint AND timestamp_ms < $8::bigint
) AS parts
GROUP BY key
