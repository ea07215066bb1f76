-- What may be shown: neither a key nor its hash.
SELECT id, project_id AS project, name, prefix, created_at AS "createdAt", revoked_at AS "revokedAt" FROM api_keys WHERE workspace_id = $1 ORDER BY id
