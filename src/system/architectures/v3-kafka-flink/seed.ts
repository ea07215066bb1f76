import type { Context } from '../../context.ts'
import type { Order } from '../../event.ts'
import { copyIn } from '../../postgres/copy-in.ts'
import { encodeOrders } from '../../postgres/copy-rows.ts'
import addTotals from '../../postgres/sql/add-totals.sql?raw'
import copyOrdersIn from '../../postgres/sql/copy-orders-in.sql?raw'
import { talliesOf } from '../../postgres/tallies.ts'

/**
 * History past Kafka and Flink: rows and what they add to the dashboard in one transaction. The projector, which adds that to the running
 * totals, finds it within a second.
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
