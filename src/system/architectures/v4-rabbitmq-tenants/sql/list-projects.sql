SELECT id, name FROM projects WHERE workspace_id = $1 ORDER BY id
