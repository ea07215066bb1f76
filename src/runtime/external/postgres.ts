import pg from 'pg'
import { tlsOf } from '../../system/tls.ts'
import type { External } from './external.ts'
import { CONNECT_WITHIN_MS, lacking, unreachable, type Guest } from './guest.ts'

/** The oldest that the statements of all architectures were run on. */
const OLDEST = 15
const LOCK_WITHIN_MS = 10_000
const ROLE_SUFFIXES = ['api', 'work', 'identity']

/** What the schema of a run carries as its comment: without it, whatever its name, it is not ours. */
const markOf = (namespace: string): string => `load lab: ${namespace}, removed when its run ends`

/** Works in a schema of its own, found by `search_path`. */
export const postgres: Guest = {
  part: (namespace) => `schema ${namespace}`,
  inspect: (external, { roles }) => connected(external, async (client) => {
    const { rows: [found] } = await client.query<{ version: string; number: number; standby: boolean; create: boolean; superuser: boolean; database: string }>(`
      SELECT current_setting('server_version') AS version, current_setting('server_version_num')::integer AS number, pg_is_in_recovery() AS standby,
        has_database_privilege(current_database(), 'CREATE') AS create, current_database() AS database,
        (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser`)
    const { version, number, standby, create, superuser, database } = found!
    const user = `the account ${external.user}`
    if (number < OLDEST * 10_000) throw lacking(external, `is version ${version}: too old`, `use PostgreSQL ${OLDEST} or newer`)
    if (standby) throw lacking(external, 'is a standby, which takes no writes', 'name its primary')
    if (!create) throw lacking(external, `does not let ${user} make a schema`, `GRANT CREATE ON DATABASE "${database}" TO "${external.user}"`)
    if (roles && !superuser) throw lacking(external, `does not let ${user} make accounts with borders between them, which this architecture needs`, 'use a superuser, or let the lab start PostgreSQL')
    return `PostgreSQL ${version.split(' ')[0]}`
  }),
  settle: (external, namespace) => connected(external, async (client) => {
    await client.query('BEGIN')
    await client.query(`CREATE SCHEMA ${namespace}`)
    await client.query(`COMMENT ON SCHEMA ${namespace} IS '${markOf(namespace)}'`)
    await client.query('COMMIT')
  }),
  leave: (external, namespace) => connected(external, async (client) => {
    const { rows: [schema] } = await client.query<{ mark: string | null; tables: number }>(
      `SELECT obj_description(oid, 'pg_namespace') AS mark, (SELECT count(*)::integer FROM pg_class WHERE relnamespace = n.oid AND relkind IN ('r', 'p')) AS tables
       FROM pg_namespace AS n WHERE nspname = $1`, [namespace])
    if (schema !== undefined && schema.mark !== markOf(namespace)) throw new Error(`the schema ${namespace} does not carry the mark of the lab any more: it is left alone`)
    await client.query(`SET lock_timeout = ${LOCK_WITHIN_MS}`)
    if (schema !== undefined) await client.query(`DROP SCHEMA ${namespace} CASCADE`)
    const roles = await dropRoles(client, namespace)
    if (schema === undefined && roles === 0) return undefined
    return `schema ${namespace} with ${schema?.tables ?? 0} tables${roles === 0 ? '' : ` and ${roles} accounts`}`
  }),
}

/** Accounts that an architecture has made for this run alone. */
async function dropRoles(client: pg.Client, namespace: string): Promise<number> {
  const { rows } = await client.query<{ rolname: string }>('SELECT rolname FROM pg_roles WHERE rolname = ANY($1)', [ROLE_SUFFIXES.map((suffix) => `${namespace}_${suffix}`)])
  for (const { rolname } of rows) {
    await client.query(`DROP OWNED BY ${rolname}`)
    await client.query(`DROP ROLE ${rolname}`)
  }
  return rows.length
}

async function connected<T>(external: External, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const tls = tlsOf(external)
  const client = new pg.Client({
    ...external.hosts[0]!,
    user: external.user,
    password: external.password ?? '',
    database: external.database,
    application_name: 'lab',
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    ...(tls && { ssl: tls }),
  })
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    client.end().catch(() => {})
    throw unreachable(external, error)
  }
  try {
    return await use(client)
  } finally {
    await client.end().catch(() => {})
  }
}
