import { ORDER_TYPES, PRODUCTS, STORES, type Order } from '../event.ts'

const HOUR_MS = 3_600_000

/** What a set of orders adds to `totals`, in columns, as `add-totals.sql` takes them. */
export interface TallyColumns {
  dimensions: string[]
  keys: number[]
  counts: number[]
  revenueCents: number[]
}

/** Adds orders up as `totals` counts them: by dimension and key. */
export interface Tallies {
  add(order: Order): void
  columns(): TallyColumns
}

export function createTallies(): Tallies {
  const maps = { type: new Map<number, Sum>(), store: new Map<number, Sum>(), product: new Map<number, Sum>(), hour: new Map<number, Sum>(), all: new Map<number, Sum>() }
  return {
    add({ type, store, product, amountCents, timestampMs }) {
      bump(maps.all, 0, amountCents)
      bump(maps.type, TYPE_KEYS.get(type)!, amountCents)
      bump(maps.store, STORE_KEYS.get(store)!, amountCents)
      bump(maps.product, PRODUCT_KEYS.get(product)!, amountCents)
      bump(maps.hour, Math.floor(timestampMs / HOUR_MS), amountCents)
    },
    columns() {
      const columns: TallyColumns = { dimensions: [], keys: [], counts: [], revenueCents: [] }
      for (const [dimension, sums] of Object.entries(maps)) {
        for (const [key, { count, cents }] of sums) {
          columns.dimensions.push(dimension)
          columns.keys.push(key)
          columns.counts.push(count)
          columns.revenueCents.push(cents)
        }
      }
      return columns
    },
  }
}

export function talliesOf(batches: Iterable<readonly Order[]>): Tallies {
  const tallies = createTallies()
  for (const batch of batches) for (const order of batch) tallies.add(order)
  return tallies
}

/** Position of a name in its vocabulary, as it is stored. A map: `indexOf` walks half of 50 stores for every order. */
export const TYPE_KEYS: ReadonlyMap<string, number> = new Map(ORDER_TYPES.map((name, key) => [name, key]))
export const STORE_KEYS: ReadonlyMap<string, number> = new Map(STORES.map((name, key) => [name, key]))
export const PRODUCT_KEYS: ReadonlyMap<string, number> = new Map(PRODUCTS.map((name, key) => [name, key]))

interface Sum {
  count: number
  cents: number
}

function bump(sums: Map<number, Sum>, key: number, cents: number): void {
  const sum = sums.get(key)
  if (sum === undefined) sums.set(key, { count: 1, cents })
  else {
    sum.count += 1
    sum.cents += cents
  }
}
