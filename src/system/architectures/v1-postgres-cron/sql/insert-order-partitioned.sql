-- A unique key of a partitioned table must contain what it is partitioned by, so the ids are unique in a table of their own.
WITH new AS (
  INSERT INTO order_ids (id) VALUES ($1) ON CONFLICT (id) DO NOTHING RETURNING id
)
INSERT INTO orders (id, timestamp_ms, amount_cents, type, store, product)
SELECT id, $2::bigint, $3::integer, $4::smallint, $5::smallint, $6::smallint FROM new
