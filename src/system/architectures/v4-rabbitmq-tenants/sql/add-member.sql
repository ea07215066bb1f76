-- None when there are a thousand already.
INSERT INTO memberships (workspace_id, user_id, role)
SELECT $1, $2, $3 WHERE (SELECT count(*) FROM memberships AS m WHERE m.workspace_id = $1) < 1000
RETURNING user_id AS "user", role
