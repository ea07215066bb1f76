CREATE INDEX IF NOT EXISTS orders_timestamp_product_store ON orders (timestamp_ms, product, store)
