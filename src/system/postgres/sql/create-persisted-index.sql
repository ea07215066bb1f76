-- For whoever counts what is new: a block range index costs an insert next to nothing.
CREATE INDEX IF NOT EXISTS orders_persisted ON orders USING brin (persisted_at) WITH (autosummarize = on)
