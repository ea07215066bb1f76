import type { Tally } from '../system/dashboard.ts'
import type { Order } from '../system/event.ts'

const HOUR_MS = 3_600_000

/**
 * The totals that follow from a set of orders: the judge's own fold. It shares no code with the system's,
 * or a mistake there would be expected here.
 */
export interface ExpectedTotals {
  count: number
  revenueCents: number
  byProduct: Map<string, Tally>
  byStore: Map<string, Tally>
  byType: Map<string, Tally>
  /** By hour since the epoch, a number: rendered once a key, not once an order. */
  byHour: Map<number, Tally>
}

export function expectNothing(): ExpectedTotals {
  return { count: 0, revenueCents: 0, byProduct: new Map(), byStore: new Map(), byType: new Map(), byHour: new Map() }
}

export function expectOrder(totals: ExpectedTotals, order: Omit<Order, 'id'>): void {
  totals.count += 1
  totals.revenueCents += order.amountCents
  tallyUp(totals.byProduct, order.product, order.amountCents)
  tallyUp(totals.byStore, order.store, order.amountCents)
  tallyUp(totals.byType, order.type, order.amountCents)
  tallyUp(totals.byHour, Math.floor(order.timestampMs / HOUR_MS), order.amountCents)
}

/** `2026-11-21T07:00Z` for an hour since the epoch. */
export function hourName(hour: number): string {
  return `${new Date(hour * HOUR_MS).toISOString().slice(0, 13)}:00Z`
}

function tallyUp<Key>(map: Map<Key, Tally>, key: Key, cents: number): void {
  const tally = map.get(key)
  if (tally === undefined) map.set(key, { count: 1, revenueCents: cents })
  else {
    tally.count += 1
    tally.revenueCents += cents
  }
}
