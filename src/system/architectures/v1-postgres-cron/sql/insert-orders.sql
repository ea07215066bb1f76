-- $1 ids, $2 timestamps (ms), $3 cents, $4 types, $5 stores, $6 products. Sorted by id, so that two statements with the same ids wait
-- for each other and never deadlock.
INSERT INTO orders (id, timestamp_ms, amount_cents, type, store, product)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::smallint[], $5::smallint[], $6::smallint[])
ON CONFLICT (id) DO NOTHING
