-- Whole hours from the totals, the rest of the span from the orders: {from} and {to} in ms, {firstHour} and {lastHour} in hours since the epoch.
SELECT name, sum(orders), sum(cents), min(least_cents), max(most_cents)
FROM (
  SELECT if(dimension = 'hour', toInt32(hour), toInt32(key)) AS name, sum(count) AS orders, sum(revenue_cents) AS cents, min(min_cents) AS least_cents, max(max_cents) AS most_cents
  FROM totals
  WHERE dimension = {by:String} AND hour >= {firstHour:UInt32} AND hour < {lastHour:UInt32}
  GROUP BY name
  UNION ALL
  SELECT {key} AS name, count() AS orders, sum(amount_cents) AS cents, min(amount_cents) AS least_cents, max(amount_cents) AS most_cents
  FROM orders
  WHERE (timestamp >= fromUnixTimestamp64Milli({from:Int64}) AND timestamp < fromUnixTimestamp64Milli({firstHour:Int64} * 3600000))
     OR (timestamp >= fromUnixTimestamp64Milli({lastHour:Int64} * 3600000) AND timestamp < fromUnixTimestamp64Milli({to:Int64}))
  GROUP BY name
)
GROUP BY name
