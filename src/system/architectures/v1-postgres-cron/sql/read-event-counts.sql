SELECT dimension, key, count::float8 AS count, revenue_cents::float8 AS revenue_cents FROM event_counts
