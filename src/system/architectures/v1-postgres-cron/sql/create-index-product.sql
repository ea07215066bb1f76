CREATE INDEX IF NOT EXISTS orders_product ON orders (product, timestamp_ms)
