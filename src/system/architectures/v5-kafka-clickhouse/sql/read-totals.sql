-- One reading is one snapshot: totals, and with them how far each partition is counted.
SELECT dimension, if(dimension = 'hour', toInt32(hour), toInt32(key)) AS name, sum(count), sum(revenue_cents), max(upto)
FROM totals
WHERE hour = 0 OR dimension = 'hour'
GROUP BY dimension, name
