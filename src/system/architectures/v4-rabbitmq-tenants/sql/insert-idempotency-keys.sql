-- $1 workspaces, $2 keys, $3 ids.
INSERT INTO idempotency_keys (workspace_id, key, id)
SELECT * FROM unnest($1::integer[], $2::text[], $3::uuid[]) AS given (workspace_id, key, id) ORDER BY 1, 2
ON CONFLICT (workspace_id, key) DO NOTHING
