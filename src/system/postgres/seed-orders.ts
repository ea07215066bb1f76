import type { Context } from '../context.ts'
import type { Order } from '../event.ts'
import { copyIn } from './copy-in.ts'
import { encodeOrders } from './copy-rows.ts'
import addTotals from './sql/add-totals.sql?raw'
import copyOrdersIn from './sql/copy-orders-in.sql?raw'
import { talliesOf } from './tallies.ts'

/**
 * History past the broker, for who keeps `orders` and `totals`: rows and what they add to the totals in one transaction, so that a store that
 * takes in orders meanwhile stays right. Who shows the totals finds the new ones within a second.
 */
export async function seedOrders(context: Context, orders: AsyncIterable<Order[]>): Promise<void> {
  await copyIn(context, orders, {
    tables: [{ copy: copyOrdersIn, encode: encodeOrders }],
    async after(client, batches) {
      const { dimensions, keys, counts, revenueCents } = talliesOf(batches).columns()
      await client.query(addTotals, [dimensions, keys, counts, revenueCents])
    },
    // Hint bits, visibility and block ranges now, or the first reader and autovacuum make them while something is measured. Without
    // truncating: for every table, 5 s are waited for a moment in which nobody reads it.
    finally: ['VACUUM (ANALYZE, TRUNCATE false) orders', 'VACUUM (ANALYZE, TRUNCATE false) totals'],
  })
}
