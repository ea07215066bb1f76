-- Orders arrive nearly in time order, so a block range index serves the analytics at no measurable cost to the inserts.
CREATE INDEX IF NOT EXISTS orders_timestamp ON orders USING brin (timestamp_ms) WITH (autosummarize = on)
