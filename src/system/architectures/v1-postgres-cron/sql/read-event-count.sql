SELECT count::float8 AS count FROM event_counts WHERE dimension = 'all'
