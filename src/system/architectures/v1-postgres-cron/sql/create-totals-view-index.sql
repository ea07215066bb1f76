-- REFRESH … CONCURRENTLY compares old and new rows by it.
CREATE UNIQUE INDEX IF NOT EXISTS totals_view_key ON totals_view (dimension, key)
