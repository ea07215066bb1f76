-- Its API keys go with it.
DELETE FROM projects WHERE workspace_id = $1 AND id = $2 RETURNING id
