SELECT path FROM flink_checkpoints WHERE plan = $1 ORDER BY completed_at DESC LIMIT 100
