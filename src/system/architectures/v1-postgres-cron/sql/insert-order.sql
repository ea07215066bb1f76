INSERT INTO orders (id, timestamp_ms, amount_cents, type, store, product) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING
