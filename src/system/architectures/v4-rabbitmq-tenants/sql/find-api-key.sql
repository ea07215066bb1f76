SELECT id, project_id, sha256 FROM api_keys WHERE workspace_id = $1 AND prefix = $2 AND revoked_at IS NULL
