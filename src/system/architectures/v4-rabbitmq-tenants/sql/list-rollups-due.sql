-- Workspaces with events of transactions from their watermark on. Whether these are over is asked where they are taken.
SELECT workspace_id
FROM (SELECT workspace_id, coalesce(watermark, '1'::xid8) AS watermark FROM totals LEFT JOIN rollup_state USING (workspace_id) WHERE dimension = 'all') AS states
WHERE EXISTS (SELECT FROM orders WHERE orders.workspace_id = states.workspace_id AND orders.xid >= states.watermark)
ORDER BY workspace_id
