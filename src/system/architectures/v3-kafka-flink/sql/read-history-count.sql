SELECT count::float8 AS count FROM totals WHERE dimension = 'all'
