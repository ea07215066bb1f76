import pg from 'pg'
import type { Context } from '../../context.ts'
import { connectionOf } from '../../postgres/connect.ts'
import { createAggregationSchema } from './aggregate/aggregation-schema.ts'
import { beginCounters } from './counters/counters-start.ts'
import type { V1Knobs } from './knobs.ts'
import { ensurePartitions } from './write/partitions.ts'
import createDefaultPartition from './sql/create-default-partition.sql?raw'
import createCoveringIndex from './sql/create-index-covering.sql?raw'
import createProductIndex from './sql/create-index-product.sql?raw'
import createTimestampIndex from './sql/create-index-timestamp.sql?raw'
import createOrderIds from './sql/create-order-ids.sql?raw'
import createOrders from './sql/create-orders.sql?raw'
import createOrdersPartitioned from './sql/create-orders-partitioned.sql?raw'
import createPersistedIndex from '../../postgres/sql/create-persisted-index.sql?raw'
import createTotals from './sql/create-totals.sql?raw'

/** What `indexes` counts, in its order. */
const INDEXES = [
  { name: 'orders_timestamp', create: createTimestampIndex },
  { name: 'orders_product', create: createProductIndex },
  { name: 'orders_timestamp_product_store', create: createCoveringIndex },
]

/** History goes back so far. */
const BEHIND_DAYS = 31

/** Tables and indexes, if they are missing; indexes that the knob does not ask for go. `IF NOT EXISTS` alone fails when two do it at once: hence the lock. */
export async function createSchema(context: Context<V1Knobs>): Promise<void> {
  const { knobs } = context
  const client = new pg.Client({ ...connectionOf(context), application_name: 'setup', connectionTimeoutMillis: 5_000 })
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock(10, hashtext(current_schema()))')
    await refuseOtherForm(client, knobs.partition)
    const tables = knobs.partition === 'range' ? [createOrdersPartitioned, createDefaultPartition, createOrderIds] : [createOrders]
    for (const statement of [...tables, createPersistedIndex, createTotals]) await client.query(statement)
    for (const [i, { name, create }] of INDEXES.entries()) await client.query(i < knobs.indexes ? create : `DROP INDEX IF EXISTS ${name}`)
    if (knobs.partition === 'range') await ensurePartitions(client, Date.now(), BEHIND_DAYS)
    await createAggregationSchema(client, knobs)
    await beginCounters(context, client)
  } finally {
    await client.end()
  }
}

/** A table cannot become a partitioned one in place. */
async function refuseOtherForm(client: pg.Client, partition: V1Knobs['partition']): Promise<void> {
  const { rows } = await client.query<{ relkind: string }>("SELECT relkind FROM pg_class WHERE oid = to_regclass('orders')")
  const [orders] = rows
  if (orders === undefined || (orders.relkind === 'p') === (partition === 'range')) return
  const is = orders.relkind === 'p' ? 'is partitioned' : 'is one table'
  throw new Error(`the table orders ${is} already, and LAB_PARTITION is ${partition}: set it to ${orders.relkind === 'p' ? 'range' : 'none'}, or begin with an empty database`)
}
