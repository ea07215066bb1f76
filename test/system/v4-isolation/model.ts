import { createHash } from 'node:crypto'
import type { AnalyticsRow } from '../../../src/system/architecture.ts'
import { addOrder, emptyDashboard, hourKey, topProducts, type Dashboard } from '../../../src/system/dashboard.ts'
import { ORDER_TYPES, PRODUCTS, STORES, type Order } from '../../../src/system/event.ts'
import { encodeOrders } from '../../../src/system/record.ts'
import { withoutMoment } from '../orders.ts'

/** What a workspace was sent: an event, into one of its projects, under its own id or a key that a client chose. */
export interface Arrival {
  order: Order
  project: number
  key?: string
}

export interface Question {
  fromMs: number
  toMs: number
  by: 'product' | 'store' | 'type' | 'hour'
}

/** All but the moments. */
export type Shown = Omit<Dashboard, 'version' | 'asOf'>

/** A row of `event_aggregations`, as text. */
export type Aggregation = string

/**
 * What one workspace must hold and see, from nothing but what was accepted for it, in that order. The first payload of an id in a workspace wins,
 * a key stands for the event that came under it first, and whatever comes after them and differs is put aside. It knows of no other workspace.
 */
export interface Ledger {
  /** Accepted, all of them together. */
  accept(arrivals: readonly Arrival[]): void
  /** What is stored, in the order it came to be. */
  readonly stored: readonly Arrival[]
  /** What is put aside, each once. */
  readonly dead: ReadonlyMap<string, Arrival>
  find(id: string): Arrival | undefined
  /** The id that a key stands for. */
  idOf(key: string): string | undefined
  dashboard(): Shown
  /** As it was when so many were stored; `undefined`: there were never so many. Asked in rising order it costs one step each. */
  dashboardAt(count: number): Shown | undefined
  analytics(question: Question): AnalyticsRow[]
  aggregations(): Set<Aggregation>
}

export function createLedger(): Ledger {
  const stored: Arrival[] = []
  const byId = new Map<string, Arrival>()
  const keys = new Map<string, string>()
  const dead = new Map<string, Arrival>()
  let folded = emptyDashboard()

  function accept(arrival: Arrival): void {
    const { order, key } = arrival
    const there = byId.get(order.id)
    const claimed = key === undefined ? undefined : keys.get(key)
    const isChanged = (claimed !== undefined && claimed !== order.id) || (there !== undefined && contentOf(there) !== contentOf(arrival))
    if (isChanged) return void dead.set(JSON.stringify([contentOf(arrival), key]), arrival)
    if (key !== undefined) keys.set(key, order.id)
    if (there !== undefined) return
    byId.set(order.id, arrival)
    stored.push(arrival)
  }

  function dashboardAt(count: number): Shown | undefined {
    if (count > stored.length) return undefined
    if (count < folded.count) folded = emptyDashboard()
    while (folded.count < count) addOrder(folded, stored[folded.count]!.order)
    return structuredClone(withoutMoment({ ...folded, top: topProducts(folded.byProduct) }))
  }

  return {
    accept: (arrivals) => arrivals.forEach(accept),
    stored,
    dead,
    find: (id) => byId.get(id),
    idOf: (key) => keys.get(key),
    dashboard: () => dashboardAt(stored.length)!,
    dashboardAt,
    analytics: (question) => analyticsOf(stored.map((it) => it.order), question),
    aggregations: () => aggregationsOf(stored.map((it) => it.order)),
  }
}

/** An event and where it went, as text: equal when they are the same in everything. */
export function contentOf({ order, project }: Arrival): string {
  const { id, type, store, product, amountCents, timestampMs } = order
  return [id, project, type, store, product, amountCents, timestampMs].join(' ')
}

/** What Redis keeps of an event to know it again; restated here, so that a change of it is noticed. */
export function fingerprintOf({ order, project }: Arrival): string {
  return createHash('sha256').update(encodeOrders([order])).update(String(project)).digest('base64url').slice(0, 16)
}

const keyIn = (order: Order, by: Question['by']): string => (by === 'hour' ? hourKey(order.timestampMs) : order[by])

export function analyticsOf(orders: readonly Order[], { fromMs, toMs, by }: Question): AnalyticsRow[] {
  const within = orders.filter((it) => it.timestampMs >= fromMs && it.timestampMs < toMs)
  const groups = Map.groupBy(within, (it) => keyIn(it, by))
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, theirs]) => {
    const cents = theirs.map((it) => it.amountCents)
    const revenueCents = cents.reduce((sum, it) => sum + it, 0)
    return { key, count: cents.length, revenueCents, avgCents: revenueCents / cents.length, minCents: Math.min(...cents), maxCents: Math.max(...cents) }
  })
}

const HOUR_MS = 3_600_000
const POSITIONS = { product: PRODUCTS, store: STORES, type: ORDER_TYPES as readonly string[] }

export function aggregationOf(row: { dimension: string; hour: number; key: number; count: number; revenue: number; min: number; max: number }): Aggregation {
  return [row.dimension, row.hour, row.key, row.count, row.revenue, row.min, row.max].join(' ')
}

function aggregationsOf(orders: readonly Order[]): Set<Aggregation> {
  const rows = new Set<Aggregation>()
  for (const [hour, theirs] of Map.groupBy(orders, (it) => Math.floor(it.timestampMs / HOUR_MS))) {
    for (const by of ['product', 'store', 'type', 'hour'] as const) {
      for (const { key, count, revenueCents, minCents, maxCents } of analyticsOf(theirs, { fromMs: 0, toMs: Infinity, by })) {
        const position = by === 'hour' ? hour : POSITIONS[by].indexOf(key)
        rows.add(aggregationOf({ dimension: by, hour, key: position, count, revenue: revenueCents, min: minCents, max: maxCents }))
      }
    }
  }
  return rows
}
