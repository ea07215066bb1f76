import pg from 'pg'
import { Unavailable, Unknown } from '../../../architecture.ts'
import { withinLoop } from '../../../bounded-redis.ts'
import { reasonOf } from '../../../reason.ts'
import { filterProblem, writes } from './filtered.ts'

/** Longer than any statement of the API should take; whoever asked has gone by then. */
const WITHIN_MS = 20_000
/** It took longer than its `statement_timeout`. */
const QUERY_CANCELED = '57014'

/** SQL that was found to stay within the workspace $1. Only {@link tenantStatement} makes them, and nothing else can be run here. */
export interface TenantStatement {
  readonly name: string
  readonly text: string
  readonly writes: boolean
}

const made = new WeakSet<TenantStatement>()

/** Throws, as soon as it is loaded, unless every tenant's table in it is filtered by the workspace $1. */
export function tenantStatement(name: string, sql: string): TenantStatement {
  const problem = filterProblem(sql)
  if (problem !== undefined) throw new Error(`the statement ${name} might leave its workspace: ${problem}`)
  const statement = Object.freeze({ name, text: sql, writes: writes(sql) })
  made.add(statement)
  return statement
}

export interface Scoped {
  /**
   * `values` come after $1. Throws the server's own error as a `DatabaseError`; {@link Unavailable} when it does not answer; {@link Unknown}
   * when a write may have got there.
   */
  query<Row extends pg.QueryResultRow>(statement: TenantStatement, values?: readonly unknown[], options?: { withinMs?: number }): Promise<Row[]>
}

/**
 * The one way of the API to the rows of a workspace: its number goes in as $1, and as the setting that row-level security asks for, which ends
 * with the transaction, so that a connection carries nothing over to whom it serves next. The number is all that is ever put into the text of a
 * statement; it is checked to be one.
 */
export function scopedTo(pool: pg.Pool, workspace: number): Scoped {
  if (!Number.isInteger(workspace) || workspace < 1 || workspace > 0x7fff_ffff) throw new RangeError(`${String(workspace).slice(0, 40)} is no workspace`)
  return {
    async query<Row extends pg.QueryResultRow>(statement: TenantStatement, values: readonly unknown[] = [], { withinMs = WITHIN_MS } = {}) {
      if (!made.has(statement)) throw new TypeError(`${statement.name} was not made by tenantStatement()`)
      const deadlineMs = performance.now() + withinMs
      const client = await connected(pool, withinMs)
      const running = transaction<Row>(client, workspace, statement, values, withinMs).then((rows) => ({ rows }), (error: unknown) => ({ error }))
      const ended = await withinLoop(Math.max(1, deadlineMs - performance.now()), running, () => {})
      if (ended !== undefined && 'rows' in ended) {
        client.release()
        return ended.rows
      }
      const error = ended?.error
      const rolledBack = error instanceof pg.DatabaseError && error.severity === 'ERROR'
      // In doubt the connection is not used again, whatever it still holds.
      client.release(!rolledBack)
      throw rolledBack && error.code !== QUERY_CANCELED ? error : cutOff(statement, ended === undefined ? `no answer within ${withinMs} ms` : reasonOf(error))
    },
  }
}

async function transaction<Row extends pg.QueryResultRow>(
  client: pg.PoolClient, workspace: number, { name, text }: TenantStatement, values: readonly unknown[], withinMs: number,
): Promise<Row[]> {
  // The server, too, ends what nobody waits for any more: given up here alone it would go on, and others come on top.
  await client.query(`BEGIN; SET LOCAL lab.workspace = ${workspace}; SET LOCAL statement_timeout = ${Math.max(1, Math.ceil(withinMs))}`)
  try {
    const { rows } = await client.query<Row>({ name, text, values: [workspace, ...values] })
    await client.query('COMMIT')
    return rows
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.severity === 'ERROR') await client.query('ROLLBACK')
    throw error
  }
}

function cutOff({ writes: perhaps }: TenantStatement, reason: string): Error {
  return perhaps ? new Unknown(`PostgreSQL did not answer to the end, it may have been written: ${reason}`) : new Unavailable(`PostgreSQL does not answer: ${reason}`)
}

async function connected(pool: pg.Pool, withinMs: number): Promise<pg.PoolClient> {
  const connecting = pool.connect()
  let late = false
  const client = await withinLoop(withinMs, connecting.catch((error: unknown) => (error instanceof Error ? error : new Error(String(error)))), () => { late = true })
  if (client !== undefined && !(client instanceof Error)) return client
  // It may still come.
  if (late) connecting.then((it) => it.release(), () => {})
  throw new Unavailable(`PostgreSQL does not answer: ${client === undefined ? `no connection within ${withinMs} ms` : reasonOf(client)}`)
}
