INSERT INTO totals (dimension, key, count, revenue_cents)
SELECT dimension, key, count, revenue_cents FROM totals_view WHERE count > 0
ON CONFLICT (dimension, key) DO UPDATE SET count = excluded.count, revenue_cents = excluded.revenue_cents
WHERE (totals.count, totals.revenue_cents) <> (excluded.count, excluded.revenue_cents)
