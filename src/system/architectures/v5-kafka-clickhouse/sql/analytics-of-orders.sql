SELECT {key} AS name, count(), sum(amount_cents), min(amount_cents), max(amount_cents)
FROM orders
WHERE timestamp >= fromUnixTimestamp64Milli({from:Int64}) AND timestamp < fromUnixTimestamp64Milli({to:Int64})
GROUP BY name
