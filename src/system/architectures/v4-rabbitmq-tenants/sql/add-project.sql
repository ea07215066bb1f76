-- None when there are a thousand already.
INSERT INTO projects (workspace_id, name)
SELECT $1, $2 WHERE (SELECT count(*) FROM projects AS p WHERE p.workspace_id = $1) < 1000
RETURNING id, name
