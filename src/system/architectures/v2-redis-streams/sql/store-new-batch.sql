-- A batch whose ids are all new, as nearly every one is: stored and added to the totals in one transaction. One id that is there already
-- fails the statement as a whole (23505), and store-batch.sql, which counts what it really stored, takes its place.
-- Parameters 1 to 6 as there; $7 dimensions, $8 keys, $9 counts, $10 revenues of the whole batch.
-- The totals wait for the rows (they join their number, and are sorted): so every transaction locks ids first and totals last.
WITH stored AS (
  INSERT INTO orders (id, timestamp_ms, amount_cents, type, store, product)
  SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::smallint[], $5::smallint[], $6::smallint[])
  RETURNING 1
), counted AS (
  SELECT count(*) AS rows FROM stored
)
INSERT INTO totals (dimension, key, count, revenue_cents)
SELECT dimension, key, count, revenue_cents
FROM counted, unnest($7::text[], $8::integer[], $9::bigint[], $10::bigint[]) AS tallied (dimension, key, count, revenue_cents)
WHERE counted.rows > 0
ORDER BY dimension, key
ON CONFLICT (dimension, key) DO UPDATE
SET count = totals.count + excluded.count, revenue_cents = totals.revenue_cents + excluded.revenue_cents
