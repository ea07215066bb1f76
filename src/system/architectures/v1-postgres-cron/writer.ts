import { Unavailable, Unknown } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import { ORDER_TYPES, PRODUCTS, STORES, type Order } from '../../event.ts'
import { connectPostgres } from '../../postgres/connect.ts'
import { reasonOf } from '../../reason.ts'
import type { V1Knobs } from './knobs.ts'
import insertOrder from './sql/insert-order.sql?raw'
import insertOrders from './sql/insert-orders.sql?raw'

/** Stores orders: resolved means committed. */
export interface Writer extends AsyncDisposable {
  /** All or nothing. Throws {@link Unavailable} or {@link Unknown}. */
  publish(orders: Order[]): Promise<void>
  ready(): { ok: true } | { ok: false; reason: string }
}

export function createWriter(context: Context<V1Knobs>): Writer {
  const pool = connectPostgres(context, 'api-writer', context.knobs.pool)
  return {
    async publish(orders) {
      const client = await pool.connect().catch((error: unknown) => {
        throw new Unavailable(`PostgreSQL is away, nothing was written: ${reasonOf(error)}`, 1)
      })
      let broken: Error | undefined
      try {
        if (orders.length === 1) await client.query({ name: 'insert-order', text: insertOrder, values: rowOf(orders[0]!) })
        else await client.query({ name: 'insert-orders', text: insertOrders, values: columnsOf(orders) })
      } catch (error) {
        broken = error as Error
        throw new Unknown(`PostgreSQL did not answer: ${reasonOf(error)}`)
      } finally {
        client.release(broken)
      }
    },
    ready: () => ({ ok: true }),
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

function rowOf({ id, timestampMs, amountCents, type, store, product }: Order): unknown[] {
  return [id, timestampMs, amountCents, ORDER_TYPES.indexOf(type), STORES.indexOf(store), PRODUCTS.indexOf(product)]
}

function columnsOf(orders: readonly Order[]): unknown[][] {
  const rows = orders.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(rowOf)
  return [0, 1, 2, 3, 4, 5].map((column) => rows.map((row) => row[column]))
}
