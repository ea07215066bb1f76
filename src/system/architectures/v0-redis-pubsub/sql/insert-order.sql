INSERT OR IGNORE INTO orders (id, timestamp_ms, amount_cents, type, store, product) VALUES (?, ?, ?, ?, ?, ?)
