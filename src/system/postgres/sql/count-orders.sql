-- $1: since when; $2: up to when rows are final.
SELECT count(*)::float8 AS count, count(*) FILTER (WHERE persisted_at < $2::timestamptz)::float8 AS final
FROM orders
WHERE persisted_at >= $1::timestamptz
