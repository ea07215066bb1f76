import { connectClickhouse } from '../../clickhouse/connect.ts'
import type { Context } from '../../context.ts'
import type { Order } from '../../event.ts'
import { encodeOrders } from '../../record.ts'
import { INSERT_INCOMING, monthOf, toBlock } from './block.ts'
import type { V5Knobs } from './knobs.ts'

/** Orders of one insert: large ones, as each is a part that must be merged. */
const ROWS = 100_000
/** Inserts at once: while ClickHouse works on one, the next is encoded. */
const LANES = 2
/** Of no partition of the topic, and never asked how far it is. */
const HISTORY = { partition: -1, upto: 0 } as const

/** History past Kafka: into the orders, and into the totals where a view makes them. The consumers may go on meanwhile. */
export async function seedOrders(context: Context<V5Knobs>, orders: AsyncIterable<Order[]>): Promise<void> {
  await using clickhouse = connectClickhouse(context, 'seed')
  const lanes = new Set<Promise<void>>()
  const settings = { insert_deduplicate: 0, min_insert_block_size_rows: '1048576' } as const
  let waiting: Buffer[] = []
  let rows = 0

  async function insert(): Promise<void> {
    const records = Buffer.concat(waiting)
    const block = toBlock(records, { ...HISTORY, month: monthOf(records) })
    waiting = []
    rows = 0
    while (lanes.size >= LANES) await Promise.race(lanes)
    const lane = clickhouse.insert(INSERT_INCOMING, block, { settings, withinMs: 120_000 }).finally(() => lanes.delete(lane))
    lanes.add(lane)
  }

  try {
    for await (const some of orders) {
      waiting.push(encodeOrders(some))
      rows += some.length
      if (rows >= ROWS) await insert()
    }
    if (rows > 0) await insert()
    await Promise.all(lanes)
  } finally {
    await Promise.allSettled(lanes)
  }
  // Merges now, or they are made while something is measured.
  for (const table of ['orders', 'totals']) await clickhouse.run(`OPTIMIZE TABLE ${table}`, { settings: { optimize_throw_if_noop: 0 }, withinMs: 300_000 })
}
