-- $1 dimensions, $2 keys, $3 counts, $4 revenues: added to what is there. In the order of the key, and after the rows they count, as
-- everybody else does who writes both: so two transactions wait for each other and never deadlock.
INSERT INTO totals (dimension, key, count, revenue_cents)
SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[]) AS tallied (dimension, key, count, revenue_cents)
ORDER BY dimension, key
ON CONFLICT (dimension, key) DO UPDATE
SET count = totals.count + excluded.count, revenue_cents = totals.revenue_cents + excluded.revenue_cents
