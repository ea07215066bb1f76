UPDATE rollup_state SET watermark = $2::xid8 WHERE workspace_id = $1
