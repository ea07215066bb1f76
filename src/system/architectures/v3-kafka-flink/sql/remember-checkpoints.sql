INSERT INTO flink_checkpoints (path, job_id, plan, completed_at)
SELECT path, $1, $2, to_timestamp(completed_s) FROM unnest($3::text[], $4::float8[]) AS it (path, completed_s)
ON CONFLICT (path) DO NOTHING
