SELECT id, timestamp_ms, amount_cents, type, store, product FROM orders
