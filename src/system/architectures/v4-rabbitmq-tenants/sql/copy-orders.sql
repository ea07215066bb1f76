-- Binary, in the order that parseRows (postgres/read-orders.ts) knows; the owner comes last.
COPY (SELECT id, timestamp_ms, persisted_at, amount_cents, type, store, product, workspace_id FROM orders) TO STDOUT WITH (FORMAT binary)
