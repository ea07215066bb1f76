import type { Order } from './event.ts'

export interface Tally {
  count: number
  revenueCents: number
}

/** What every architecture shows. Pure data; `version` grows with every change of content. */
export interface Dashboard {
  version: number
  /** ISO 8601, when this content was computed. */
  asOf: string
  count: number
  revenueCents: number
  byProduct: Record<string, Tally>
  byStore: Record<string, Tally>
  byType: Record<string, Tally>
  /** Key: the hour of the order's timestamp, `2026-11-21T07:00Z`. */
  byHour: Record<string, Tally>
  /** The five products with the largest count (ties by name). */
  top: { product: string; count: number; revenueCents: number }[]
}

/** The four maps of a dashboard, under the names that totals are stored with. */
export const DIMENSIONS = ['product', 'store', 'type', 'hour'] as const
export type Dimension = (typeof DIMENSIONS)[number]

export const MAP_OF = { product: 'byProduct', store: 'byStore', type: 'byType', hour: 'byHour' } as const satisfies Record<Dimension, keyof Dashboard>

const HOUR_MS = 3_600_000
let lastHour = -1
let lastHourKey = ''

/** `2026-11-21T07:00Z`: the key of `byHour`. Remembers the last one: made anew for every order it costs more than all other folding. */
export function hourKey(timestampMs: number): string {
  const hour = Math.floor(timestampMs / HOUR_MS)
  if (hour !== lastHour) {
    lastHourKey = `${new Date(hour * HOUR_MS).toISOString().slice(0, 13)}:00Z`
    lastHour = hour
  }
  return lastHourKey
}

export function emptyDashboard(): Dashboard {
  return { version: 0, asOf: new Date(0).toISOString(), count: 0, revenueCents: 0, byProduct: {}, byStore: {}, byType: {}, byHour: {}, top: [] }
}

/** Adds one order to the totals in place (not to `top`: see {@link topProducts}). */
export function addOrder(dashboard: Dashboard, order: Order): void {
  dashboard.count += 1
  dashboard.version += 1
  dashboard.revenueCents += order.amountCents
  bump(dashboard.byProduct, order.product, order.amountCents)
  bump(dashboard.byStore, order.store, order.amountCents)
  bump(dashboard.byType, order.type, order.amountCents)
  bump(dashboard.byHour, hourKey(order.timestampMs), order.amountCents)
}

export function topProducts(byProduct: Dashboard['byProduct']): Dashboard['top'] {
  return Object.entries(byProduct)
    .map(([product, tally]) => ({ product, ...tally }))
    .sort((a, b) => b.count - a.count || (a.product < b.product ? -1 : 1))
    .slice(0, 5)
}

function bump(map: Record<string, Tally>, key: string, cents: number): void {
  const tally = (map[key] ??= { count: 0, revenueCents: 0 })
  tally.count += 1
  tally.revenueCents += cents
}
