UPDATE aggregation_state SET watermark = $1::xid8
