-- In place of the source stands what is counted. First by everything at once, which leaves a tenth of a large batch, then each of those in all the places
-- it counts in: half the time of doing that with every row.
SELECT
  place.1 AS dimension, place.2 AS hour, place.3 AS key,
  sum(orders) AS count, sum(cents) AS revenue_cents, min(least_cents) AS min_cents, max(most_cents) AS max_cents, max(reached) AS upto
FROM (
  SELECT
    toUInt32(intDiv(toUnixTimestamp64Milli(timestamp), 3600000)) AS its_hour, product, store, type, partition,
    count() AS orders, sum(amount_cents) AS cents, min(amount_cents) AS least_cents, max(amount_cents) AS most_cents, max(upto) AS reached
  FROM {source}
  GROUP BY its_hour, product, store, type, partition
)
ARRAY JOIN [
  (1, its_hour, toInt16(product)), (1, 0, toInt16(product)),
  (2, its_hour, toInt16(store)), (2, 0, toInt16(store)),
  (3, its_hour, toInt16(type)), (3, 0, toInt16(type)),
  (4, its_hour, 0),
  (0, 0, partition)
] AS place
GROUP BY place
