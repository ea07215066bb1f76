import pg from 'pg'
import type { Context } from '../../context.ts'
import { ACCOUNT } from '../../postgres/connect.ts'
import { declareQueues } from './ingest/queues.ts'
import type { V4Knobs } from './knobs.ts'
import createBorders from './sql/create-borders.sql?raw'
import createIdentity from './sql/create-identity.sql?raw'
import createOrders from './sql/create-orders.sql?raw'
import createTenancy from './sql/create-tenancy.sql?raw'
import createTotals from './sql/create-totals.sql?raw'
import { makeTenants } from './tenancy/tenants.ts'

/** Tables, roles, tenants and queues, if they are missing. `IF NOT EXISTS` alone fails when two do it at once: hence the lock. */
export async function setUp(context: Context<V4Knobs>): Promise<void> {
  const client = new pg.Client({ ...context.address('postgres'), ...ACCOUNT, application_name: 'setup', connectionTimeoutMillis: 5_000 })
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock(40)')
    for (const statements of [createTenancy, createOrders, createTotals, createBorders, createIdentity]) await client.query(statements)
    await makeTenants(client, context.knobs.workspaces)
  } finally {
    await client.end()
  }
  await declareQueues(context)
}
