import { DatabaseSync } from 'node:sqlite'
import type { AnalyticsQuery, AnalyticsRow } from '../../architecture.ts'
import { emptyDashboard, hourKey, topProducts, type Dashboard, type Tally } from '../../dashboard.ts'
import { ORDER_TYPES, PRODUCTS, STORES, type StoredOrder } from '../../event.ts'
import { CENTS_AT, decodeOrder, PRODUCT_AT, RECORD_BYTES, STORE_AT, TIMESTAMP_AT, TYPE_AT } from '../../record.ts'
import analyticsSql from './sql/analytics.sql?raw'
import groupAll from './sql/group-all.sql?raw'
import readPage from './sql/read-page.sql?raw'

const BUSY_MS = 5_000
const PAGE_ROWS = 5_000
/** A record, and after it when it was stored: ms since the epoch (6). */
export const ROW_BYTES = RECORD_BYTES + 6

/** What is read from the file; each answer is computed from the orders as they are at that moment. */
export interface OrderReader extends Disposable {
  dashboard(): Dashboard
  analytics(query: Pick<AnalyticsQuery, 'fromMs' | 'toMs' | 'by'>): AnalyticsRow[]
  /** The rows after `seq`, {@link ROW_BYTES} each; undefined after the last. */
  page(seq: number): { bytes: Buffer; last: number } | undefined
}

interface Group {
  packed: number
  count: number
  revenue_cents: number
}

interface Row {
  seq: number
  id: Uint8Array
  timestamp_ms: number
  persisted_ms: number
  amount_cents: number
  type: number
  store: number
  product: number
}

interface AnalyticsSqlRow {
  key: number
  count: number
  revenue_cents: number
  min_cents: number
  max_cents: number
}

export function openOrderReader(path: string): OrderReader {
  const file = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS })
  const groups = file.prepare(groupAll)
  const analytics = file.prepare(analyticsSql)
  const rows = file.prepare(readPage)
  return {
    dashboard: () => dashboardFromGroups(groups.iterate() as Iterable<unknown> as Iterable<Group>, Date.now()),
    analytics({ fromMs, toMs, by }) {
      const found = analytics.all(fromMs, toMs, by) as unknown as AnalyticsSqlRow[]
      return found.map((row) => toAnalyticsRow(row, by)).sort((a, b) => (a.key < b.key ? -1 : 1))
    },
    page(seq) {
      const found = rows.all(seq, PAGE_ROWS) as unknown as Row[]
      return found.length === 0 ? undefined : { bytes: encodeRows(found), last: found.at(-1)!.seq }
    },
    [Symbol.dispose]: () => file.close(),
  }
}

/** Folds the groups of `group-all.sql`. Its version is the count, as events are only ever added. */
export function dashboardFromGroups(groups: Iterable<Group>, nowMs: number): Dashboard {
  const dashboard = emptyDashboard()
  for (const { packed, count, revenue_cents } of groups) {
    const hour = Math.floor(packed / (4 * 64 * 32))
    add(dashboard, count, revenue_cents)
    add((dashboard.byHour[hourKey(hour * 3_600_000)] ??= { count: 0, revenueCents: 0 }), count, revenue_cents)
    add((dashboard.byType[ORDER_TYPES[(packed >> 11) & 3]!] ??= { count: 0, revenueCents: 0 }), count, revenue_cents)
    add((dashboard.byStore[STORES[(packed >> 5) & 63]!] ??= { count: 0, revenueCents: 0 }), count, revenue_cents)
    add((dashboard.byProduct[PRODUCTS[packed & 31]!] ??= { count: 0, revenueCents: 0 }), count, revenue_cents)
  }
  dashboard.version = dashboard.count
  dashboard.asOf = new Date(nowMs).toISOString()
  dashboard.top = topProducts(dashboard.byProduct)
  return dashboard
}

function add(tally: Tally, count: number, revenueCents: number): void {
  tally.count += count
  tally.revenueCents += revenueCents
}

function toAnalyticsRow(row: AnalyticsSqlRow, by: AnalyticsQuery['by']): AnalyticsRow {
  const key = by === 'hour' ? hourKey(row.key * 3_600_000) : { product: PRODUCTS, store: STORES, type: ORDER_TYPES }[by][row.key]!
  return { key, count: row.count, revenueCents: row.revenue_cents, avgCents: row.revenue_cents / row.count, minCents: row.min_cents, maxCents: row.max_cents }
}

function encodeRows(rows: readonly Row[]): Buffer {
  const bytes = Buffer.alloc(rows.length * ROW_BYTES)
  for (const [i, row] of rows.entries()) {
    const at = i * ROW_BYTES
    bytes.set(row.id, at)
    bytes.writeUIntBE(row.timestamp_ms, at + TIMESTAMP_AT, 6)
    bytes.writeUInt32BE(row.amount_cents, at + CENTS_AT)
    bytes[at + TYPE_AT] = row.type
    bytes[at + STORE_AT] = row.store
    bytes[at + PRODUCT_AT] = row.product
    bytes.writeUIntBE(row.persisted_ms, at + RECORD_BYTES, 6)
  }
  return bytes
}

/** The rows of a page. */
export function decodeRows(bytes: Buffer): StoredOrder[] {
  return Array.from({ length: bytes.length / ROW_BYTES }, (_, i) => {
    const at = i * ROW_BYTES
    return { ...decodeOrder(bytes, at), persistedAtMs: bytes.readUIntBE(at + RECORD_BYTES, 6) }
  })
}
