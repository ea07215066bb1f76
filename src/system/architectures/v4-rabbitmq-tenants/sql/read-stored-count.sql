SELECT COALESCE(sum(count), 0)::float8 AS count FROM totals WHERE dimension = 'all'
