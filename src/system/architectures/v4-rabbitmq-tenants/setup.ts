import pg from 'pg'
import type { Context } from '../../context.ts'
import { connectionOf, namedFor, passwordFor } from '../../postgres/connect.ts'
import { declareQueues } from './ingest/queues.ts'
import type { V4Knobs } from './knobs.ts'
import createBorders from './sql/create-borders.sql?raw'
import createIdentity from './sql/create-identity.sql?raw'
import createOrders from './sql/create-orders.sql?raw'
import createTenancy from './sql/create-tenancy.sql?raw'
import createTotals from './sql/create-totals.sql?raw'
import { makeTenants } from './tenancy/tenants.ts'

const ROLES = /\blab_(?:api|work|identity)\b/g

/**
 * The same statements for a schema among others: with accounts of the run's own, who may use that schema, and nothing is taken from or given to
 * anybody in the database as a whole.
 */
export function inOwnSchema(context: Pick<Context, 'access'>, statements: string): string {
  const { namespace, password = '' } = context.access('postgres')
  if (namespace === '') return statements
  const own = (role: string): string => namedFor(role, namespace)
  return statements
    .replace(/^.*ON DATABASE %I.*\n/gm, '')
    .replace(/^ *REVOKE CREATE ON SCHEMA public FROM PUBLIC;$/m, `  GRANT USAGE ON SCHEMA public TO lab_api, lab_work, lab_identity;`)
    .replace("EXECUTE format('ALTER ROLE %I LOGIN PASSWORD ''lab''', name)", () =>
      `EXECUTE format('ALTER ROLE %I LOGIN PASSWORD %L', name, CASE name WHEN 'lab_api' THEN '${passwordFor(own('lab_api'), password)}' ELSE '${passwordFor(own('lab_work'), password)}' END)`)
    .replace(/\bpublic\b(?=\.|'::regnamespace)|(?<=SCHEMA )public\b/g, namespace)
    .replace(ROLES, own)
}

/** Tables, roles, tenants and queues, if they are missing. `IF NOT EXISTS` alone fails when two do it at once: hence the lock. */
export async function setUp(context: Context<V4Knobs>): Promise<void> {
  const client = new pg.Client({ ...connectionOf(context), application_name: 'setup', connectionTimeoutMillis: 5_000 })
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock(40, hashtext(current_schema()))')
    for (const statements of [createTenancy, createOrders, createTotals, createBorders, createIdentity]) await client.query(inOwnSchema(context, statements))
    await makeTenants(client, context.knobs.workspaces)
  } finally {
    await client.end()
  }
  await declareQueues(context)
}
