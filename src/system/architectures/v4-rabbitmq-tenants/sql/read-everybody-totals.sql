SELECT dimension, key, sum(count::float8) AS count, sum(revenue_cents::float8) AS revenue_cents FROM totals GROUP BY dimension, key
