-- What a part of the history adds to everything that is counted. Columns: $1 workspaces, $2 dimensions, $3 hours, $4 keys, $5 counts, $6 revenues,
-- $7 smallest, $8 largest amounts. Totals, then the workspaces' aggregations, then everybody's (each waits for the number of the one before), and
-- each in the order of its key: as workers and rollup do, so that nobody deadlocks.
WITH given AS MATERIALIZED (
  SELECT * FROM unnest($1::integer[], $2::text[], $3::integer[], $4::integer[], $5::bigint[], $6::bigint[], $7::integer[], $8::integer[])
    AS given (workspace_id, dimension, hour, key, count, revenue_cents, min_cents, max_cents)
), totalled AS (
  INSERT INTO totals (workspace_id, dimension, key, count, revenue_cents)
  SELECT workspace_id, dimension, key, sum(count), sum(revenue_cents)
  FROM (
    SELECT workspace_id, dimension, key, count, revenue_cents FROM given
    UNION ALL
    SELECT workspace_id, 'all', 0, count, revenue_cents FROM given WHERE dimension = 'hour'
  ) AS all_totals
  GROUP BY workspace_id, dimension, key
  ORDER BY workspace_id, dimension, key
  ON CONFLICT (workspace_id, dimension, key) DO UPDATE
  SET count = totals.count + excluded.count, revenue_cents = totals.revenue_cents + excluded.revenue_cents
  RETURNING 1
), totalled_rows AS (
  SELECT count(*) AS rows FROM totalled
), added AS (
  INSERT INTO event_aggregations (workspace_id, dimension, hour, key, count, revenue_cents, min_cents, max_cents)
  SELECT workspace_id, dimension, hour, key, count, revenue_cents, min_cents, max_cents FROM totalled_rows, given WHERE totalled_rows.rows > 0
  ORDER BY workspace_id, dimension, hour, key
  ON CONFLICT (workspace_id, dimension, hour, key) DO UPDATE
  SET count = event_aggregations.count + excluded.count, revenue_cents = event_aggregations.revenue_cents + excluded.revenue_cents,
      min_cents = least(event_aggregations.min_cents, excluded.min_cents), max_cents = greatest(event_aggregations.max_cents, excluded.max_cents)
  RETURNING 1
), added_rows AS (
  SELECT count(*) AS rows FROM added
)
INSERT INTO everybody_aggregations (dimension, hour, key, count, revenue_cents, min_cents, max_cents)
SELECT dimension, hour, key, sum(count), sum(revenue_cents), min(min_cents), max(max_cents)
FROM added_rows, given
WHERE added_rows.rows > 0
GROUP BY dimension, hour, key
ORDER BY dimension, hour, key
ON CONFLICT (dimension, hour, key) DO UPDATE
SET count = everybody_aggregations.count + excluded.count, revenue_cents = everybody_aggregations.revenue_cents + excluded.revenue_cents,
    min_cents = least(everybody_aggregations.min_cents, excluded.min_cents), max_cents = greatest(everybody_aggregations.max_cents, excluded.max_cents)
