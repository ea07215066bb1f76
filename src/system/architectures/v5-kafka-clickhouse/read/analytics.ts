import type { AnalyticsQuery, AnalyticsRow } from '../../../architecture.ts'
import type { Clickhouse } from '../../../clickhouse/connect.ts'
import { nameOf } from '../../../postgres/totals.ts'
import type { V5Knobs } from '../knobs.ts'
import ofOrders from '../sql/analytics-of-orders.sql?raw'
import ofTotals from '../sql/analytics-of-totals.sql?raw'

const HOUR_MS = 3_600_000

type Row = [name: number, count: number, cents: number, leastCents: number, mostCents: number]

/** What orders are grouped by. */
const KEY_OF = {
  product: 'toInt32(product)', store: 'toInt32(store)', type: 'toInt32(type)', hour: 'toInt32(intDiv(toUnixTimestamp64Milli(timestamp), 3600000))',
} as const satisfies Record<AnalyticsQuery['by'], string>

/**
 * Rows by key, of what is stored: an order is in them once its batch is, `flush` after it was accepted and the time of an insert later. (The speed
 * layer has no smallest and largest amounts, and nothing finer than an hour.) Whole hours come from the totals where there are any, the hours
 * that the span cuts from the orders. Rejects when ClickHouse is away.
 */
export async function readAnalytics(clickhouse: Clickhouse, views: V5Knobs['views'], query: AnalyticsQuery): Promise<AnalyticsRow[]> {
  const { by, fromMs, toMs } = query
  const [firstHour, lastHour] = wholeHours(fromMs, toMs)
  const fromTotals = views === 'on' && firstHour < lastHour
  const statement = (fromTotals ? ofTotals : ofOrders).replaceAll('{key}', KEY_OF[by])
  const params = { from: Math.max(0, fromMs), to: Math.max(0, toMs), ...(fromTotals && { by, firstHour, lastHour }) }
  const rows = await clickhouse.rows<Row>(statement, { params })
  return rows.map(([name, count, revenueCents, minCents, maxCents]) => ({ key: nameOf(by, name), count, revenueCents, avgCents: revenueCents / count, minCents, maxCents }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** The hours (since the epoch) that lie in the span as a whole: from the first on, before the last. Pure. */
export function wholeHours(fromMs: number, toMs: number): [first: number, last: number] {
  return [Math.max(1, Math.ceil(fromMs / HOUR_MS)), Math.max(1, Math.floor(toMs / HOUR_MS))]
}
