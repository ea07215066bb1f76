SELECT seq, id, timestamp_ms, persisted_ms, amount_cents, type, store, product FROM orders WHERE seq > ? ORDER BY seq LIMIT ?
