import { createHmac } from 'node:crypto'
import pg from 'pg'
import type { Context } from '../context.ts'
import { tlsOf } from '../tls.ts'

/** Of a database that holds nothing but what the lab sent, on loopback or a private network; the compose file says the same. */
export const ACCOUNT = { user: 'lab', password: 'lab', database: 'lab' }

export type Account = typeof ACCOUNT

/** `lab_api` on a server of one's own; on one that others use, the run's own. */
export function namedFor(user: string, namespace: string): string {
  return namespace === '' ? user : user.replace(/^lab(?=_)/, namespace)
}

/** Of an account that a run makes on a server that others use: nobody knows it who does not know the lab's own password there. */
export function passwordFor(user: string, password: string): string {
  return createHmac('sha256', password).update(user).digest('hex')
}

/**
 * Where, who, and which schema, for any client of `pg`. An account of our own making (`lab_api`) keeps its name after the namespace.
 * @param more `options` are the settings a session begins with
 */
export function connectionOf(context: Context, more: Partial<Account> & { options?: string } = {}): pg.ClientConfig {
  const access = context.access('postgres')
  const own = access.user === undefined ? ACCOUNT : { user: access.user, password: access.password ?? '', database: access.database ?? access.user }
  const { database } = own
  const user = more.user === undefined ? own.user : namedFor(more.user, access.namespace)
  const password = more.user === undefined ? own.password : access.namespace === '' ? (more.password ?? own.password) : passwordFor(user, own.password)
  const options = [more.options, access.namespace && `-c search_path=${access.namespace}`].filter(Boolean).join(' ')
  const tls = tlsOf(access)
  return { ...context.address('postgres'), user, password, database, ...(tls && { ssl: tls }), ...(options !== '' && { options }) }
}

/** A pool that survives the database: broken connections leave it, and the next query opens another. */
export function connectPostgres(context: Context, purpose: string, connections: number, queryTimeoutMs = 30_000, account: Partial<Account> & { options?: string } = {}): pg.Pool {
  const pool = new pg.Pool({
    ...connectionOf(context, account),
    application_name: purpose,
    max: connections,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: 2_000,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
  })
  // Of idle connections; the next query tells.
  pool.on('error', () => {})
  // Of one that is checked out: without a listener the whole process would end, as it breaks while no query is on it.
  pool.on('connect', (client) => void client.on('error', () => {}))
  return pool
}
