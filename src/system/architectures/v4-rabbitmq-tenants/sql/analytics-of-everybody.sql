-- As analytics.sql, over all workspaces: $1 what to group by, [$2, $3) whole hours, [$4, $5) and [$6, $7) what is cut off. The workspaces that have
-- events are those that have totals; each is looked up by itself
-- (OFFSET 0: not joined with all orders), by the index that it needs.
WITH workspaces_with_events AS (
  SELECT workspace_id, coalesce(watermark, '1'::xid8) AS watermark
  FROM totals LEFT JOIN rollup_state USING (workspace_id)
  WHERE dimension = 'all'
)
SELECT key, sum(count::float8) AS count, sum(revenue_cents::float8) AS revenue_cents, min(min_cents) AS min_cents, max(max_cents) AS max_cents
FROM (
  SELECT key, count, revenue_cents, min_cents, max_cents
  FROM everybody_aggregations
  WHERE dimension = $1 AND hour >= $2::integer AND hour < $3::integer
  UNION ALL
  SELECT
    CASE $1 WHEN 'product' THEN product WHEN 'store' THEN store WHEN 'type' THEN type ELSE timestamp_ms / 3600000 END::integer,
    1, amount_cents, amount_cents, amount_cents
  FROM workspaces_with_events, LATERAL (
    SELECT product, store, type, timestamp_ms, amount_cents
    FROM orders
    WHERE orders.workspace_id = workspaces_with_events.workspace_id AND xid >= workspaces_with_events.watermark
      AND timestamp_ms + 0 >= $2::bigint * 3600000 AND timestamp_ms + 0 < $3::bigint * 3600000
    OFFSET 0
  ) AS not_rolled_up
  UNION ALL
  SELECT
    CASE $1 WHEN 'product' THEN product WHEN 'store' THEN store WHEN 'type' THEN type ELSE timestamp_ms / 3600000 END::integer,
    1, amount_cents, amount_cents, amount_cents
  FROM workspaces_with_events, LATERAL (
    SELECT product, store, type, timestamp_ms, amount_cents
    FROM orders
    WHERE orders.workspace_id = workspaces_with_events.workspace_id
      AND ((timestamp_ms >= $4::bigint AND timestamp_ms < $5::bigint) OR (timestamp_ms >= $6::bigint AND timestamp_ms < $7::bigint))
    OFFSET 0
  ) AS cut_off
) AS parts
GROUP BY key
