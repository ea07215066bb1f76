INSERT INTO dead_letters (workspace_id, letter, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
