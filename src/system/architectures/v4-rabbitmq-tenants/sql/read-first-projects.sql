SELECT workspace_id, min(id) AS project_id FROM projects GROUP BY workspace_id
