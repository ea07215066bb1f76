import { createClient, type ClickHouseClient } from '@clickhouse/client'
import type { External } from './external.ts'
import { CONNECT_WITHIN_MS, lacking, unreachable, type Guest } from './guest.ts'

/** The oldest with all that the statements use. */
const OLDEST = 25
const DROPPED_WITHIN_MS = 60_000

/** What the database of a run carries as its comment: without it, whatever its name, it is not ours. */
const markOf = (namespace: string): string => `load lab: ${namespace}, removed when its run ends`

/** Works in a database of its own. */
export const clickhouse: Guest = {
  part: (namespace) => `database ${namespace}`,
  inspect: (external) => connected(external, async (client) => {
    const [row] = await rows<{ version: string }>(client, 'SELECT version() AS version')
    const version = row!.version
    if (Number(version.split('.')[0]) < OLDEST) throw lacking(external, `is version ${version}: too old`, `use ClickHouse ${OLDEST} or newer`)
    return `ClickHouse ${version}`
  }),
  settle: (external, namespace) => connected(external, async (client) => {
    await client.command({ query: `CREATE DATABASE ${namespace} COMMENT '${markOf(namespace)}'` }).catch((error: Error) => {
      throw lacking(external, `does not let the account ${external.user ?? 'default'} make a database: ${error.message}`, `GRANT ALL ON lab_*.* TO ${external.user ?? 'default'}`)
    })
  }),
  leave: (external, namespace) => connected(external, async (client) => {
    const [found] = await rows<{ mark: string; tables: number }>(
      client, `SELECT comment AS mark, (SELECT count() FROM system.tables WHERE database = '${namespace}') AS tables FROM system.databases WHERE name = '${namespace}'`)
    if (found === undefined) return undefined
    if (found.mark !== markOf(namespace)) throw new Error(`the database ${namespace} does not carry the mark of the lab any more: it is left alone`)
    await client.command({ query: `DROP DATABASE ${namespace} SYNC` })
    return `database ${namespace} with ${found.tables} tables`
  }),
}

async function rows<Row>(client: ClickHouseClient, query: string): Promise<Row[]> {
  return (await client.query({ query, format: 'JSONEachRow' })).json<Row>()
}

async function connected<T>(external: External, use: (client: ClickHouseClient) => Promise<T>): Promise<T> {
  const { hosts, user, password, tls, ca } = external
  const { host, port } = hosts[0]!
  const client = createClient({
    url: `${tls === 'off' ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    username: user ?? 'default',
    password: password ?? '',
    request_timeout: DROPPED_WITHIN_MS,
    ...(ca !== undefined && { tls: { ca_cert: Buffer.from(ca) } }),
    log: { level: 127 },
  })
  try {
    // Its own ping answers without looking at the account.
    await client.query({ query: 'SELECT 1', format: 'JSONEachRow', abort_signal: AbortSignal.timeout(CONNECT_WITHIN_MS) }).then((answer) => answer.text()).catch((error: unknown) => {
      throw unreachable(external, error)
    })
    return await use(client)
  } finally {
    await client.close()
  }
}
