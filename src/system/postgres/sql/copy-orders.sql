-- Binary: every column has a fixed width, so a row is parsed by offsets alone.
COPY (SELECT id, timestamp_ms, persisted_at, amount_cents, type, store, product FROM orders) TO STDOUT WITH (FORMAT binary)
