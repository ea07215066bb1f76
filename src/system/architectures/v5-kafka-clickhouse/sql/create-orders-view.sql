CREATE MATERIALIZED VIEW IF NOT EXISTS orders_view TO orders AS
SELECT id, timestamp, amount_cents, type, store, product, partition, upto, month FROM incoming
