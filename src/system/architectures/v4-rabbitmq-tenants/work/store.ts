import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Context } from '../../../context.ts'
import { reasonOf } from '../../../reason.ts'
import type { Event } from '../ingest/message.ts'
import insertIdempotencyKeys from '../sql/insert-idempotency-keys.sql?raw'
import readIdempotencyKeys from '../sql/read-idempotency-keys.sql?raw'
import readStored from '../sql/read-stored.sql?raw'
import storeBatch from '../sql/store-batch.sql?raw'
import { chunksOf } from './chunks.ts'
import { isSame, toColumns, type StoredRow } from './columns.ts'
import type { Idempotency } from './idempotency.ts'

/** How often an event is tried that the database refuses for what it is. */
export const ATTEMPTS = 3
const FIRST_BACKOFF_MS = 50
const MAX_OUTAGE_BACKOFF_MS = 1_000

/** Why an event is put aside. */
export type Fault = 'changed' | 'refused' | 'unreadable'

/** An event that can never be stored. */
export interface Dead {
  event: Event
  fault: Fault
  /** In words. */
  reason: string
  attempts: number
}

export interface Stored {
  /** Rows that are new. */
  added: number
  dead: Dead[]
}

export interface Store {
  /**
   * Stores these events in transactions of at most `batch`, in their order, for as long as it takes: what they do not cause themselves (the
   * database is away, or refuses everything) is waited out, counts as no attempt and condemns nothing. Resolves with those that can never be
   * stored; all others are. Throws only when `ended` is aborted: then nothing is to be acknowledged.
   */
  store(events: readonly Event[], ended: AbortSignal): Promise<Stored>
}

export function createStore(pool: pg.Pool, idempotency: Idempotency, context: Context<{ batch: number }>): Store {
  const { batch } = context.knobs

  async function writeOnce(events: readonly Event[]): Promise<Stored> {
    context.failpoint('before-commit')
    return events.some((it) => it.key !== undefined) ? await writeWithKeys(events) : await writeRows(pool, events)
  }

  /** Halved until the culprit stands alone, and that one is tried {@link ATTEMPTS} times. */
  async function write(events: readonly Event[], ended: AbortSignal): Promise<Stored> {
    let attempts = 0
    for (let outage = 0; ; ) {
      try {
        const stored = await writeOnce(events)
        if (outage > 0) context.log(`postgres is back after ${outage} failed attempts`)
        return stored
      } catch (error) {
        if (!isOwnFault(error)) {
          outage += 1
          if (outage === 1) context.log(`postgres does not store: ${reasonOf(error)}; waiting for it, acknowledging nothing`)
          await pause(Math.min(25 * 2 ** Math.min(outage, 6), MAX_OUTAGE_BACKOFF_MS), ended)
        } else if (events.length > 1) {
          const middle = events.length >> 1
          const first = await write(events.slice(0, middle), ended)
          const second = await write(events.slice(middle), ended)
          return { added: first.added + second.added, dead: [...first.dead, ...second.dead] }
        } else {
          attempts += 1
          if (attempts === ATTEMPTS) return { added: 0, dead: [{ event: events[0]!, fault: 'refused', reason: `the database refuses it: ${reasonOf(error)}`, attempts }] }
          await pause(FIRST_BACKOFF_MS * 2 ** (attempts - 1), ended)
        }
      }
    }
  }

  /** A key stands for the event that was stored under it first. It is kept with that event or not at all, so that none stands for nothing. */
  async function writeWithKeys(events: readonly Event[]): Promise<Stored> {
    const keyed = events.filter((it) => it.key !== undefined)
    const client = await pool.connect()
    let broken: Error | undefined
    try {
      await client.query('BEGIN')
      const { rows } = await client.query<{ workspace_id: number; key: string; id: string }>({
        name: 'read-idempotency-keys', text: readIdempotencyKeys, values: [keyed.map((it) => it.workspace), keyed.map((it) => it.key)],
      })
      const taken = new Map(rows.map((it) => [`${it.workspace_id} ${it.key}`, it.id]))
      const isTaken = (it: Event) => it.key !== undefined && (taken.get(`${it.workspace} ${it.key}`) ?? it.id) !== it.id
      const stored = await writeRows(client, events.filter((it) => !isTaken(it)))
      const dead = [...stored.dead, ...events.filter(isTaken).map(changed)]
      const lost = new Set(dead.map((it) => it.event))
      const kept = keyed.filter((it) => !lost.has(it))
      await client.query({
        name: 'insert-idempotency-keys', text: insertIdempotencyKeys, values: [kept.map((it) => it.workspace), kept.map((it) => it.key), kept.map((it) => it.id)],
      })
      await client.query('COMMIT')
      return { added: stored.added, dead }
    } catch (error) {
      broken = error as Error
      // Where the connection is the trouble it is not given back, and the server rolls back.
      if (error instanceof pg.DatabaseError) await client.query('ROLLBACK').then(() => { broken = undefined }, () => {})
      throw error
    } finally {
      client.release(broken)
    }
  }

  return {
    async store(events, ended) {
      const all: Stored = { added: 0, dead: [] }
      for (const chunk of chunksOf(events, batch)) {
        const unknown = await idempotency.unknown(chunk)
        context.failpoint('after-claim')
        if (unknown.length === 0) continue
        const { added, dead } = await write(unknown, ended)
        all.added += added
        all.dead.push(...dead)
        const lost = new Set(dead.map((it) => it.event))
        // Not waited for: should it fail, the database is asked.
        void idempotency.remember(unknown.filter((it) => !lost.has(it)))
      }
      return all
    },
  }
}

/** One transaction: the rows, and the totals they change. Then, where some were there already, a look at what they are. */
async function writeRows(client: pg.Pool | pg.PoolClient, events: readonly Event[]): Promise<Stored> {
  if (events.length === 0) return { added: 0, dead: [] }
  const { rows } = await client.query<{ stored: number }>({ name: 'store-batch', text: storeBatch, values: toColumns(events) })
  const added = rows[0]!.stored
  if (added === events.length) return { added, dead: [] }
  const [workspaces, ids] = toColumns(events)
  const there = await client.query<StoredRow>({ name: 'read-stored', text: readStored, values: [workspaces, ids] })
  const byId = new Map(there.rows.map((row) => [`${row.workspace_id} ${row.id}`, row]))
  const dead = events.filter((event) => {
    const row = byId.get(`${event.workspace} ${event.id}`)
    if (row === undefined) throw new Error(`order ${event.id} was neither stored nor there`)
    return !isSame(event, row)
  })
  return { added, dead: dead.map(changed) }
}

const changed = (event: Event): Dead => ({ event, fault: 'changed', reason: 'the same key came with another payload', attempts: 1 })

/** Data exception or integrity violation: this event, whenever it is tried. https://www.postgresql.org/docs/current/errcodes-appendix.html */
function isOwnFault(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^2[23]/.test(error.code ?? '')
}

/** With up to half as much again, so that workers that failed together do not come back together. */
async function pause(ms: number, ended: AbortSignal): Promise<void> {
  await sleep(ms * (1 + Math.random() / 2), undefined, { signal: ended })
}
