-- $1 dimensions, $2 keys, $3 counts, $4 revenues: the totals are these, whatever they were.
INSERT INTO totals (dimension, key, count, revenue_cents)
SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[])
ON CONFLICT (dimension, key) DO UPDATE SET count = excluded.count, revenue_cents = excluded.revenue_cents
WHERE (totals.count, totals.revenue_cents) <> (excluded.count, excluded.revenue_cents)
