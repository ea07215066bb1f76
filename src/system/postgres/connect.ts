import pg from 'pg'
import type { Context } from '../context.ts'

/** Of a database that holds nothing but what the lab sent, on loopback or a private network; the compose file says the same. */
export const ACCOUNT = { user: 'lab', password: 'lab', database: 'lab' }

export type Account = typeof ACCOUNT

/** A pool that survives the database: broken connections leave it, and the next query opens another. */
export function connectPostgres(context: Context, purpose: string, connections: number, queryTimeoutMs = 30_000, account: Account = ACCOUNT): pg.Pool {
  const pool = new pg.Pool({
    ...context.address('postgres'),
    ...account,
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
