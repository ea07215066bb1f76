-- Workspaces that have events, and how many.
SELECT workspace_id, count::float8 AS count FROM totals WHERE dimension = 'all'
