import pg from 'pg'
import type { Context } from '../../context.ts'
import { nameIn } from '../../kafka/connect.ts'
import { createTopics } from '../../kafka/topics.ts'
import { connectionOf } from '../../postgres/connect.ts'
import createPersistedIndex from '../../postgres/sql/create-persisted-index.sql?raw'
import createOrders from '../../postgres/sql/create-orders.sql?raw'
import createTimestampIndex from '../../postgres/sql/create-timestamp-index.sql?raw'
import type { V3Knobs } from './knobs.ts'
import { INTAKE_TOPIC, ORDERS_TOPIC, SERIES_TOPIC, TOTALS_TOPIC } from './names.ts'
import createFlinkCheckpoints from './sql/create-flink-checkpoints.sql?raw'
import createHistoryTotals from './sql/create-history-totals.sql?raw'
import keepFirst from './sql/keep-first.sql?raw'

/** Tables and topics, if they are missing; the job is the business of the service `job`. */
export async function setUp(context: Context<V3Knobs>): Promise<void> {
  await Promise.all([createSchema(context), createTopics(context, [
    { topic: nameIn(context, ORDERS_TOPIC), partitions: context.knobs.partitions },
    // One partition each: what is said of a cell is read in the order in which it was said, and there is little of it.
    { topic: nameIn(context, TOTALS_TOPIC), partitions: 1, compacted: true },
    { topic: nameIn(context, SERIES_TOPIC), partitions: 1, compacted: true },
    { topic: nameIn(context, INTAKE_TOPIC), partitions: 1, compacted: true },
  ])])
}

/** `IF NOT EXISTS` alone fails when two do it at once: hence the lock. */
async function createSchema(context: Context<V3Knobs>): Promise<void> {
  const client = new pg.Client({ ...connectionOf(context), application_name: 'setup', connectionTimeoutMillis: 5_000 })
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock(30, hashtext(current_schema()))')
    for (const statements of [createOrders, keepFirst, createTimestampIndex, createPersistedIndex, createHistoryTotals, createFlinkCheckpoints]) await client.query(statements)
  } finally {
    await client.end()
  }
}
