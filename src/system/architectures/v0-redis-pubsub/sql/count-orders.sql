SELECT coalesce(max(seq), 0) AS count FROM orders
