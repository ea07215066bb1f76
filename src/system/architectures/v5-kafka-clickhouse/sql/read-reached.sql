SELECT key, max(upto) FROM totals WHERE dimension = 'partition' AND hour = 0 AND key >= 0 GROUP BY key
