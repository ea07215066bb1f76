INSERT INTO aggregation_state (watermark) VALUES ('0') ON CONFLICT DO NOTHING
