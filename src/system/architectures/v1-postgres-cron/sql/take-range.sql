-- The transactions to count next: from the watermark to the oldest one that is still running. The lock lasts until the watermark is written,
-- so whoever else counts waits, and then sees the new one.
SELECT watermark::text AS watermark, pg_snapshot_xmin(pg_current_snapshot())::text AS upto FROM aggregation_state FOR UPDATE
