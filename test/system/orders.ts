import { randomUUID } from 'node:crypto'
import { addOrder, emptyDashboard, topProducts, type Dashboard } from '../../src/system/dashboard.ts'
import { MAX_AMOUNT_CENTS, OLDEST_TIMESTAMP_MS, ORDER_TYPES, PRODUCTS, STORES, type Order } from '../../src/system/event.ts'

/** A reproducible stream of numbers in [0, 1) (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Any time that is allowed, in no order; now and then the extremes of amount and time. */
export function randomOrders(count: number, seed: number, nowMs: number): Order[] {
  const random = randomNumbers(seed)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const newestMs = nowMs + 4 * 60_000
  return Array.from({ length: count }, () => {
    const type = pick(ORDER_TYPES)
    const extreme = random() < 0.05
    const cents = extreme ? pick([0, 1, MAX_AMOUNT_CENTS]) : Math.floor(random() * MAX_AMOUNT_CENTS)
    return {
      id: randomUUID(),
      type,
      store: pick(STORES),
      product: pick(PRODUCTS),
      amountCents: type === 'order_placed' ? cents : 0,
      timestampMs: extreme ? pick([OLDEST_TIMESTAMP_MS, newestMs]) : OLDEST_TIMESTAMP_MS + Math.floor(random() * (newestMs - OLDEST_TIMESTAMP_MS)),
    }
  })
}

/** As a client sends it. */
export function wire(order: Order): Record<string, unknown> {
  const { id, type, store, product } = order
  return { id, type, store, product, amount: order.amountCents / 100, timestamp: new Date(order.timestampMs).toISOString() }
}

/** What the dashboard must say about these orders, without what depends on when it was asked. */
export function expectedDashboard(orders: Iterable<Order>): Omit<Dashboard, 'version' | 'asOf'> {
  const dashboard = emptyDashboard()
  for (const order of orders) addOrder(dashboard, order)
  dashboard.top = topProducts(dashboard.byProduct)
  return withoutMoment(dashboard)
}

export function withoutMoment({ version: _version, asOf: _asOf, ...content }: Dashboard): Omit<Dashboard, 'version' | 'asOf'> {
  return content
}
