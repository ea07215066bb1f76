-- Of workspaces $1, all totals but those of hours before $2.
SELECT workspace_id, dimension, key, count::float8 AS count, revenue_cents::float8 AS revenue_cents
FROM totals
WHERE workspace_id = ANY($1::integer[]) AND (dimension <> 'hour' OR key >= $2)
