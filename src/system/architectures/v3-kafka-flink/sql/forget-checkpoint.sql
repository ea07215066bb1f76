DELETE FROM flink_checkpoints WHERE path = $1
