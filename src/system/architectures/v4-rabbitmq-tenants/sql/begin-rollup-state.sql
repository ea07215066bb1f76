INSERT INTO rollup_state (workspace_id, watermark) VALUES ($1, '1') ON CONFLICT DO NOTHING
