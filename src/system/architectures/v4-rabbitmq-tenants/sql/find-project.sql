SELECT id FROM projects WHERE workspace_id = $1 AND id = $2
