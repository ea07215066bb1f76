-- Parameters as in insert-orders.sql, no id twice among them.
WITH given AS (
  SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::smallint[], $5::smallint[], $6::smallint[])
    AS given (id, timestamp_ms, amount_cents, type, store, product)
), new AS (
  INSERT INTO order_ids (id) SELECT id FROM given ON CONFLICT (id) DO NOTHING RETURNING id
)
INSERT INTO orders (id, timestamp_ms, amount_cents, type, store, product)
SELECT id, timestamp_ms, amount_cents, type, store, product FROM given JOIN new USING (id)
