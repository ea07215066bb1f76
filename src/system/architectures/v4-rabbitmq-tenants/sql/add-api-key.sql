-- None when there are a thousand already, revoked ones included.
INSERT INTO api_keys (workspace_id, project_id, name, prefix, sha256)
SELECT $1, $2, $3, $4, $5 WHERE (SELECT count(*) FROM api_keys AS k WHERE k.workspace_id = $1) < 1000
RETURNING id, project_id AS project, name, prefix, created_at AS "createdAt"
