-- What to roll up next of workspace $1: [watermark, oldest transaction that is still running) holds only what is over. `first` is the first
-- transaction in it that wrote an event, `nth` the one after $2 events. The lock lasts until the watermark is written; who finds it taken goes on.
SELECT
  watermark::text AS watermark,
  pg_snapshot_xmin(pg_current_snapshot())::text AS horizon,
  (SELECT xid::text FROM orders WHERE workspace_id = $1 AND xid >= rollup_state.watermark ORDER BY workspace_id, xid LIMIT 1) AS first,
  (SELECT xid::text FROM orders WHERE workspace_id = $1 AND xid >= rollup_state.watermark ORDER BY workspace_id, xid OFFSET $2::integer LIMIT 1) AS nth
FROM rollup_state
WHERE workspace_id = $1
FOR UPDATE SKIP LOCKED
