import pg from 'pg'
import type { Context } from '../context.ts'
import { connectionOf } from './connect.ts'
import countOrders from './sql/count-orders.sql?raw'
import readHorizon from './sql/read-horizon.sql?raw'
import summarizePersisted from './sql/summarize-persisted.sql?raw'

const CONNECT_WITHIN_MS = 2_000
const ANSWER_WITHIN_MS = 30_000
const SUMMARIZE_EVERY_MS = 5_000

/** How many orders are stored: exact, and cheap to ask for once a second. */
export interface StoredCount extends AsyncDisposable {
  /** Rejects as `pg` does. */
  read(): Promise<number>
}

/**
 * Rows that were stored before a certain moment are counted once; each time that moment moves on, and only what is newer is counted anew, by
 * the block range index on `persisted_at`. The moment is behind every transaction that may still add rows before it, however long it lives.
 * The first call counts everything; so does the first after a lost connection, as what was counted may be gone after a crash of PostgreSQL.
 */
export function createStoredCount(context: Context): StoredCount {
  let client: pg.Client | undefined
  let sinceWhen = '-infinity'
  let final = 0
  let summarizedMs = -Infinity
  let reading: Promise<number> | undefined

  async function connected(): Promise<pg.Client> {
    if (client !== undefined) return client
    // A new table has no statistics, and would be read from end to end.
    const fresh = new pg.Client({
      ...connectionOf(context, { options: '-c enable_seqscan=off -c lock_timeout=100' }), application_name: 'judge-count',
      connectionTimeoutMillis: CONNECT_WITHIN_MS, query_timeout: ANSWER_WITHIN_MS,
    })
    fresh.on('error', () => drop(fresh))
    fresh.on('end', () => drop(fresh))
    await fresh.connect()
    sinceWhen = '-infinity'
    final = 0
    return (client = fresh)
  }

  function drop(it: pg.Client): void {
    if (client === it) client = undefined
    it.end().catch(() => {})
  }

  async function count(): Promise<number> {
    const it = await connected()
    try {
      await summarize(it)
      const horizon = (await it.query<{ horizon: string }>({ name: 'read-horizon', text: readHorizon })).rows[0]!.horizon
      const { rows: [found] } = await it.query<{ count: number; final: number }>({ name: 'count-orders', text: countOrders, values: [sinceWhen, horizon] })
      const stored = final + found!.count
      final += found!.final
      // A long transaction may hold the horizon behind where it was.
      if (found!.final > 0) sinceWhen = horizon
      return stored
    } catch (error) {
      drop(it)
      throw error
    }
  }

  /** Best effort: where vacuum is at work on the table, it does it too. */
  async function summarize(it: pg.Client): Promise<void> {
    if (performance.now() - summarizedMs < SUMMARIZE_EVERY_MS) return
    summarizedMs = performance.now()
    await it.query(summarizePersisted).catch((error: unknown) => {
      if (!(error instanceof pg.DatabaseError)) throw error
    })
  }

  return {
    /** Those who ask while it is being read share the answer. */
    read: () => (reading ??= count().finally(() => { reading = undefined })),
    async [Symbol.asyncDispose]() {
      await client?.end().catch(() => {})
    },
  }
}
