-- In the order of encodeHistory (seed-rows.ts).
COPY orders (workspace_id, id, project_id, timestamp_ms, amount_cents, type, store, product, xid) FROM STDIN WITH (FORMAT binary)
