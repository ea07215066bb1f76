-- What these keys stand for: $1 workspaces, $2 keys.
SELECT workspace_id, key, id FROM idempotency_keys JOIN unnest($1::integer[], $2::text[]) AS given (workspace_id, key) USING (workspace_id, key)
