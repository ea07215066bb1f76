-- $1 workspace.
SELECT dimension, key, count::float8 AS count, revenue_cents::float8 AS revenue_cents FROM totals WHERE workspace_id = $1
