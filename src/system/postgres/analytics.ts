import type { AnalyticsQuery, AnalyticsRow } from '../architecture.ts'
import type { Queries } from './bounded-pool.ts'
import analyticsSql from './sql/analytics.sql?raw'
import { nameOf } from './totals.ts'

/** Rows by key, computed from the orders. Rejects as `pg` does when the database is away. */
export async function readAnalytics(pool: Queries, query: AnalyticsQuery): Promise<AnalyticsRow[]> {
  const { rows } = await pool.query<SqlRow>({ name: 'analytics', text: analyticsSql, values: [query.fromMs, query.toMs, query.by] })
  return rows.map((row) => toAnalyticsRow(row, query)).sort((a, b) => (a.key < b.key ? -1 : 1))
}

interface SqlRow {
  key: number
  count: number
  revenue_cents: number
  min_cents: number
  max_cents: number
}

function toAnalyticsRow(row: SqlRow, { by }: AnalyticsQuery): AnalyticsRow {
  return {
    key: nameOf(by, row.key),
    count: row.count,
    revenueCents: row.revenue_cents,
    avgCents: row.revenue_cents / row.count,
    minCents: row.min_cents,
    maxCents: row.max_cents,
  }
}
