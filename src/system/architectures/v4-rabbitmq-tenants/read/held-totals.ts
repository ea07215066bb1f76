import { DIMENSIONS, emptyDashboard, MAP_OF, topProducts, type Dashboard, type Dimension } from '../../../dashboard.ts'
import { nameOf, type TotalsRow } from '../../../postgres/totals.ts'

/** What was last read of a workspace's totals, and the sum of all that is held beside it. Pure: it is told the time. */
export interface HeldTotals {
  /** Nothing has been read of it yet. */
  readonly empty: boolean
  /** Events counted in it. */
  readonly count: number
  /**
   * Takes rows from one snapshot: all of them, or all but those of old hours. Returns false, and takes none, when an hour that was not read
   * must have changed as well: counts only ever grow, so as long as the hours add up to the count, none has.
   */
  take(rows: readonly TotalsRow[], whole: boolean): boolean
  dashboard(nowMs: number): Dashboard
}

/** `sum` is changed along with it. */
export function createHeldTotals(sum: Dashboard): HeldTotals {
  const held = emptyDashboard()
  let hours = 0

  function hoursAfter(rows: readonly TotalsRow[]): number {
    return rows.reduce((total, { dimension, key, count }) => (dimension === 'hour' ? total + count - (held.byHour[nameOf('hour', key)]?.count ?? 0) : total), hours)
  }

  function put({ dimension, key, count, revenue_cents: revenueCents }: TotalsRow): void {
    if (dimension === 'all') {
      sum.count += count - held.count
      sum.revenueCents += revenueCents - held.revenueCents
      Object.assign(held, { count, revenueCents })
      return
    }
    const map = MAP_OF[DIMENSIONS.find((it) => it === dimension) as Dimension]
    const name = nameOf(dimension as Dimension, key)
    const before = held[map][name]
    const total = (sum[map][name] ??= { count: 0, revenueCents: 0 })
    total.count += count - (before?.count ?? 0)
    total.revenueCents += revenueCents - (before?.revenueCents ?? 0)
    held[map][name] = { count, revenueCents }
  }

  return {
    get empty() { return held.count === 0 },
    get count() { return held.count },
    take(rows, whole) {
      const count = rows.find(({ dimension }) => dimension === 'all')?.count ?? 0
      const after = hoursAfter(rows)
      if (!whole && after !== count) return false
      hours = after
      rows.forEach(put)
      return true
    },
    dashboard: (nowMs) => finished(held, nowMs),
  }
}

/** With what follows from its counts. */
export function finished(dashboard: Dashboard, nowMs: number): Dashboard {
  return { ...dashboard, version: dashboard.count, asOf: new Date(nowMs).toISOString(), top: topProducts(dashboard.byProduct) }
}
