-- Ever growing values, so an insert touches the last page only, and the rows of one transaction share an entry.
CREATE INDEX IF NOT EXISTS orders_xid ON orders (xid)
