import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../../context.ts'
import type { Order } from '../../event.ts'
import { copyIn, type CopyIn } from '../../postgres/copy-in.ts'
import { encodeIds, encodeOrders } from '../../postgres/copy-rows.ts'
import copyOrdersIn from '../../postgres/sql/copy-orders-in.sql?raw'
import { talliesOf } from '../../postgres/tallies.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import { createHotHash } from './counters/hot-hash.ts'
import type { V1Knobs } from './knobs.ts'
import addEventCounts from './sql/add-event-counts.sql?raw'
import copyOrderIdsIn from './sql/copy-order-ids-in.sql?raw'

/**
 * History past the API: rows, with `partition=range` their ids, and with `counters=table` what they count, in one transaction; with `counters=hot`
 * the counters in Redis after it. The totals are the aggregator's business: it finds the rows at its next run.
 */
export async function seedOrders(context: Context<V1Knobs>, orders: AsyncIterable<Order[]>): Promise<void> {
  const { partition, counters } = context.knobs
  const ranged = partition === 'range'
  const tables = [{ copy: copyOrdersIn, encode: encodeOrders }, ...(ranged ? [{ copy: copyOrderIdsIn, encode: encodeIds }] : [])]
  // Hint bits, visibility and block ranges now, or the first reader and autovacuum make them while something is measured. Without
  // truncating: for every table, 5 s are waited for a moment in which nobody reads it.
  const vacuum = ['VACUUM (ANALYZE, TRUNCATE false) orders', ...(ranged ? ['VACUUM (ANALYZE, TRUNCATE false) order_ids'] : [])]
  if (counters !== 'hot') return await copyIn(context, orders, { tables, ...(counters === 'table' && { after: countInTable }), finally: vacuum })
  const redis = connectRedis(context, 'seed')
  try {
    for (let tries = 0; redis.status !== 'ready' && tries < 100; tries++) await sleep(50)
    const hot = createHotHash(redis)
    await copyIn(context, orders, { tables, committed: async (batches) => void (await hot.raise(talliesOf(batches).columns())), finally: vacuum })
  } finally {
    await closeRedis(redis)
  }
}

const countInTable: CopyIn['after'] = async (client, batches) => {
  const { dimensions, keys, counts, revenueCents } = talliesOf(batches).columns()
  await client.query(addEventCounts, [dimensions, keys, counts, revenueCents])
}
