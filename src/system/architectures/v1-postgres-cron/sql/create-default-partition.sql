-- For every day that has no table of its own: a timestamp may lie years back.
CREATE TABLE IF NOT EXISTS orders_default PARTITION OF orders DEFAULT
