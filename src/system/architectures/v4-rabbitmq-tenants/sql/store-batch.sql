-- Stores what is new and counts it in its workspace's totals, in one transaction; returns how many were new. $1 workspaces, $2 ids, $3 projects,
-- $4 timestamps (ms), $5 cents, $6 types, $7 stores, $8 products. Rows come sorted by their key and totals are taken in order, so that two
-- workers with the same events (one has just taken over from the other) wait for each other and never deadlock.
WITH stored AS (
  INSERT INTO orders (workspace_id, id, project_id, timestamp_ms, amount_cents, type, store, product)
  SELECT * FROM unnest($1::integer[], $2::uuid[], $3::integer[], $4::bigint[], $5::integer[], $6::smallint[], $7::smallint[], $8::smallint[])
  ON CONFLICT (workspace_id, id) DO NOTHING
  RETURNING workspace_id, timestamp_ms / 3600000 AS hour, amount_cents, type, store, product
), tallied AS (
  SELECT
    workspace_id,
    CASE WHEN GROUPING(product) = 0 THEN 'product' WHEN GROUPING(store) = 0 THEN 'store' WHEN GROUPING(type) = 0 THEN 'type'
         WHEN GROUPING(hour) = 0 THEN 'hour' ELSE 'all' END AS dimension,
    COALESCE(product, store, type, hour, 0)::integer AS key,
    count(*) AS count,
    sum(amount_cents) AS revenue_cents
  FROM stored
  GROUP BY workspace_id, GROUPING SETS ((product), (store), (type), (hour), ())
), counted AS (
  INSERT INTO totals (workspace_id, dimension, key, count, revenue_cents)
  SELECT workspace_id, dimension, key, count, revenue_cents FROM tallied ORDER BY workspace_id, dimension, key
  ON CONFLICT (workspace_id, dimension, key) DO UPDATE
  SET count = totals.count + excluded.count, revenue_cents = totals.revenue_cents + excluded.revenue_cents
)
SELECT count(*)::integer AS stored FROM stored
