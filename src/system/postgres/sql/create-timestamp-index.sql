-- Orders arrive nearly in time order, so a block range index serves the analytics, and an insert has no second tree to walk.
CREATE INDEX IF NOT EXISTS orders_timestamp ON orders USING brin (timestamp_ms) WITH (autosummarize = on)
