-- What is stored under these ids: $1 workspaces, $2 ids. In a statement of its own, as one sees nothing that was committed after it began.
SELECT workspace_id, id, project_id, timestamp_ms::float8 AS timestamp_ms, amount_cents, type, store, product
FROM orders JOIN unnest($1::integer[], $2::uuid[]) AS given (workspace_id, id) USING (workspace_id, id)
