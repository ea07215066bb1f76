import pg from 'pg'
import type { Context } from '../../context.ts'
import { connectionOf } from '../../postgres/connect.ts'
import createOrders from '../../postgres/sql/create-orders.sql?raw'
import createTimestampIndex from '../../postgres/sql/create-timestamp-index.sql?raw'
import createTotals from './sql/create-totals.sql?raw'

/** Tables, if they are missing. `IF NOT EXISTS` alone fails when two do it at once: hence the lock. */
export async function createSchema(context: Context): Promise<void> {
  const client = new pg.Client({ ...connectionOf(context), application_name: 'setup', connectionTimeoutMillis: 5_000 })
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock(20, hashtext(current_schema()))')
    for (const statement of [createOrders, createTotals, createTimestampIndex]) await client.query(statement)
  } finally {
    await client.end()
  }
}
