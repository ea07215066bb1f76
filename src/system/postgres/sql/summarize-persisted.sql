-- Block ranges that an index does not cover yet are read in full. Autovacuum covers them once a minute.
SELECT brin_summarize_new_values(pg_index.indexrelid)
FROM pg_index JOIN pg_class ON pg_class.oid = pg_index.indexrelid JOIN pg_am ON pg_am.oid = pg_class.relam
WHERE pg_am.amname = 'brin' AND pg_class.relkind = 'i'
  AND (pg_index.indrelid = 'orders'::regclass OR pg_index.indrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'orders'::regclass))
