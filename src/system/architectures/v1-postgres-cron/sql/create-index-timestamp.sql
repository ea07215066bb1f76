CREATE INDEX IF NOT EXISTS orders_timestamp ON orders (timestamp_ms)
