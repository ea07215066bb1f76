import { connectClickhouse } from '../../clickhouse/connect.ts'
import type { Context } from '../../context.ts'
import { nameIn } from '../../kafka/connect.ts'
import { createTopics } from '../../kafka/topics.ts'
import type { V5Knobs } from './knobs.ts'
import { DEAD_TOPIC, ORDERS_TOPIC } from './names.ts'
import countTotals from './sql/count-totals.sql?raw'
import createIncoming from './sql/create-incoming.sql?raw'
import createOrders from './sql/create-orders.sql?raw'
import createOrdersView from './sql/create-orders-view.sql?raw'
import createTotals from './sql/create-totals.sql?raw'

/** Tables, views and topics, where they are missing. */
export async function setUp(context: Context<V5Knobs>): Promise<void> {
  await Promise.all([
    createSchema(context),
    createTopics(context, [{ topic: nameIn(context, ORDERS_TOPIC), partitions: context.knobs.partitions }, { topic: nameIn(context, DEAD_TOPIC), partitions: 1, compacted: true }]),
  ])
}

/** @throws when the totals that are there were counted otherwise: those of before would be missing, or counted on */
export async function createSchema(context: Context<Pick<V5Knobs, 'views'>>): Promise<void> {
  const { views } = context.knobs
  await using clickhouse = connectClickhouse(context, 'setup')
  for (const statement of [createIncoming, createOrders, createTotals, createOrdersView]) await clickhouse.run(statement)
  const [there] = await clickhouse.rows<[number]>("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'totals_view'")
  const [used] = await clickhouse.rows<[number]>('SELECT count() FROM (SELECT 1 FROM orders LIMIT 1)')
  if (used![0] > 0 && (there![0] > 0) !== (views === 'on')) {
    throw new Error(`there are orders that were stored with views=${views === 'on' ? 'off' : 'on'}: go on with that, or begin with an empty ClickHouse`)
  }
  if (views === 'on') await clickhouse.run(`CREATE MATERIALIZED VIEW IF NOT EXISTS totals_view TO totals AS ${totalsOf('incoming')}`)
}

/** The SELECT that counts what is in `source`, as rows of `totals`. */
export const totalsOf = (source: string): string => countTotals.replace('{source}', source)
