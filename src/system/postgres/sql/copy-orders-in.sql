-- In the order of encodeOrders (copy-rows.ts).
COPY orders (id, timestamp_ms, amount_cents, type, store, product) FROM STDIN WITH (FORMAT binary)
