import type { AnalyticsQuery, AnalyticsRow } from './architecture.ts'
import { hourKey } from './dashboard.ts'
import type { Order } from './event.ts'

/** Pure counterpart of the stores' GROUP BY: what `GET /api/analytics` answers for these orders. Rows sorted by key. */
export function analyse(orders: Iterable<Order>, query: Omit<AnalyticsQuery, 'asked'>): AnalyticsRow[] {
  const rows = new Map<string, AnalyticsRow>()
  for (const order of orders) {
    if (order.timestampMs < query.fromMs || order.timestampMs >= query.toMs) continue
    const key = query.by === 'hour' ? hourKey(order.timestampMs) : order[query.by]
    let row = rows.get(key)
    if (row === undefined) rows.set(key, (row = { key, count: 0, revenueCents: 0, avgCents: 0, minCents: Infinity, maxCents: 0 }))
    row.count += 1
    row.revenueCents += order.amountCents
    row.minCents = Math.min(row.minCents, order.amountCents)
    row.maxCents = Math.max(row.maxCents, order.amountCents)
  }
  for (const row of rows.values()) row.avgCents = row.revenueCents / row.count
  return [...rows.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}
