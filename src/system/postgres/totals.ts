import { DIMENSIONS, emptyDashboard, hourKey, MAP_OF, topProducts, type Dashboard, type Dimension } from '../dashboard.ts'
import { ORDER_TYPES, PRODUCTS, STORES } from '../event.ts'

/** A row of `totals`. */
export interface TotalsRow {
  dimension: string
  key: number
  count: number
  revenue_cents: number
}

/** The name behind a stored key. */
export function nameOf(dimension: Dimension, key: number): string {
  if (dimension === 'hour') return hourKey(key * 3_600_000)
  const names: readonly string[] = dimension === 'type' ? ORDER_TYPES : dimension === 'store' ? STORES : PRODUCTS
  return names[key] ?? `unknown-${key}`
}

/**
 * The dashboard from one reading of `totals`. Its version is the count of all events: batches change the totals one after the other
 * (each locks the row `all`), so two readings with the same count are the same.
 */
export function dashboardFromTotals(rows: readonly TotalsRow[], nowMs: number): Dashboard {
  const dashboard = emptyDashboard()
  for (const row of rows) {
    const tally = { count: row.count, revenueCents: row.revenue_cents }
    const dimension = DIMENSIONS.find((it) => it === row.dimension)
    if (dimension !== undefined) dashboard[MAP_OF[dimension]][nameOf(dimension, row.key)] = tally
    else Object.assign(dashboard, tally)
  }
  dashboard.version = dashboard.count
  dashboard.asOf = new Date(nowMs).toISOString()
  dashboard.top = topProducts(dashboard.byProduct)
  return dashboard
}

/**
 * The other way round: the rows of `totals` that make this dashboard, in the order of their key, so that two transactions that write
 * such rows lock them one after the other. @throws on a name outside the vocabulary
 */
export function totalsFromDashboard(dashboard: Dashboard): TotalsRow[] {
  const rows: TotalsRow[] = [{ dimension: 'all', key: 0, count: dashboard.count, revenue_cents: dashboard.revenueCents }]
  for (const dimension of DIMENSIONS) {
    for (const [name, tally] of Object.entries(dashboard[MAP_OF[dimension]])) {
      rows.push({ dimension, key: keyOf(dimension, name), count: tally.count, revenue_cents: tally.revenueCents })
    }
  }
  return rows.sort((a, b) => (a.dimension === b.dimension ? a.key - b.key : a.dimension < b.dimension ? -1 : 1))
}

function keyOf(dimension: Dimension, name: string): number {
  if (dimension === 'hour') return Date.parse(name) / 3_600_000
  const names: readonly string[] = dimension === 'type' ? ORDER_TYPES : dimension === 'store' ? STORES : PRODUCTS
  const key = names.indexOf(name)
  if (key < 0) throw new Error(`${dimension} ${JSON.stringify(name)} is not in the vocabulary`)
  return key
}
