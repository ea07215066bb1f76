DELETE FROM dead_letters WHERE workspace_id = $1 AND letter = $2
