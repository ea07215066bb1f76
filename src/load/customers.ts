import { ORDER_TYPES, PRODUCTS, STORES, type Order, type OrderType } from '../system/event.ts'
import { profileOf, type OrderId } from './order-id.ts'

/**
 * Who visits the system. The profile's number is part of every id it sends, so bodies may depend on it.
 *   commuter    one coffee                  POST /api/<arch>/order
 *   office      one order for the team      POST /api/<arch>/orders   (5 to 20 events, all or nothing)
 *   browser     looks at the dashboard      GET /api/dashboard
 *   analyst     asks a question             GET /api/analytics
 *   saturation  the closed loop's body, as commuter
 */
export const PROFILES = ['commuter', 'office', 'browser', 'analyst', 'saturation'] as const
export type Profile = (typeof PROFILES)[number]
/** The profiles that a scenario mixes. */
export const CUSTOMERS = ['commuter', 'office', 'browser', 'analyst'] as const satisfies readonly Profile[]
export type Customer = (typeof CUSTOMERS)[number]

export function profileNumber(profile: Profile): number {
  return PROFILES.indexOf(profile)
}

/** 32 well-mixed bits from a seed and a counter (MurmurHash3's finaliser over both words). */
export function hash32(seed: number, counter: number): number {
  let h = (seed ^ Math.imul(counter >>> 0, 0x9e3779b1) ^ Math.imul(Math.floor(counter / 0x1_0000_0000), 0x85ebca6b)) >>> 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Popularity by Zipf's law (s = 1), as a table of 4,096 equally likely draws. */
function zipf(size: number): Uint8Array {
  const weights = Array.from({ length: size }, (_, i) => 1 / (i + 1))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const table = new Uint8Array(4096)
  let item = 0
  let upTo = weights[0]! / total
  for (let i = 0; i < table.length; i++) {
    while (item < size - 1 && i / table.length >= upTo) upTo += weights[++item]! / total
    table[i] = item
  }
  return table
}

const PRODUCT_DRAWS = zipf(PRODUCTS.length)
const STORE_DRAWS = zipf(STORES.length)
/** 80 % placed, 15 % paid, 5 % cancelled. */
const TYPE_DRAWS: readonly OrderType[] = [...Array<OrderType>(16).fill('order_placed'), ...Array<OrderType>(3).fill('order_paid'), 'order_cancelled']

/**
 * The body of an event is a pure function of (seed, id): what should be stored, and what the dashboard
 * should say, follow from ids alone.
 */
export function orderBody(seed: number, id: string, parts: OrderId): Order {
  const bits = hash32(seed ^ Math.imul(parts.source + 1, 0x27d4eb2f), parts.sequence)
  const more = hash32(bits, 1)
  const product = PRODUCT_DRAWS[bits & 0xfff]!
  const type = TYPE_DRAWS[(more >>> 12) % TYPE_DRAWS.length]!
  const dearer = profileOf(parts.source) === 1 ? 200 : 0
  return {
    id,
    type,
    store: STORES[STORE_DRAWS[(bits >>> 12) & 0xfff]!]!,
    product: PRODUCTS[product]!,
    amountCents: type === ORDER_TYPES[0] ? 250 + product * 15 + dearer + (more & 0xff) : 0,
    timestampMs: parts.timeMs,
  }
}

/** How many orders the office customer brings whose first has this sequence, 5 to 20: so where each visit begins follows from the seed. */
export function officeOrders(seed: number, firstSequence: number): number {
  return 5 + (hash32(seed ^ 0x0ff1ce, firstSequence) % 16)
}
