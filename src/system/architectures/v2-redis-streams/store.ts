import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Context } from '../../context.ts'
import { checkEntries, toBatch, type Batch, type Entry, type Poison } from './codec.ts'
import storeBatch from './sql/store-batch.sql?raw'
import storeNewBatch from './sql/store-new-batch.sql?raw'

/** After a batch that held a known id, so many are taken the careful way: where one is sent again, more are. */
const CAREFUL_BATCHES = 50
const UNIQUE_VIOLATION = '23505'

export interface StoreResult {
  /** Stored now or before: to be acknowledged. */
  done: Entry[]
  /** Cannot be stored, ever. */
  poison: Poison[]
}

export interface Store {
  /**
   * Stores a batch, for as long as it takes: an outage of the database is waited out and condemns nothing.
   * Only what the database refuses for its content (SQLSTATE class 22 or 23) is halved until the culprit stands alone.
   * Throws only when the process is asked to stop; nothing is to be acknowledged then.
   */
  store(entries: readonly Entry[]): Promise<StoreResult>
}

/**
 * Two statements, each a whole transaction. CPU of PostgreSQL per event, one worker draining 300,000 in batches of 1,000 on a busy machine:
 * ON CONFLICT DO NOTHING with the count taken from RETURNING (and columns as text) 10.6–16 µs; plain INSERT with the batch's own sums
 * (and columns in binary) 5.1–5.3 µs. So the second is tried first; it fails as a whole when an id is known.
 */
export function createStore(pool: pg.Pool, context: Context): Store {
  let careful = 0

  async function write({ columns, tallies }: Batch): Promise<void> {
    if (careful > 0) {
      careful -= 1
    } else {
      try {
        const { dimensions, keys, counts, revenueCents } = tallies
        const values = [...columns, dimensions, keys, counts, revenueCents]
        return await committed(pool.query({ name: 'store-new-batch', text: storeNewBatch, values }))
      } catch (error) {
        if (codeOf(error) !== UNIQUE_VIOLATION) throw error
        careful = CAREFUL_BATCHES
      }
    }
    await committed(pool.query({ name: 'store-batch', text: storeBatch, values: columns }))
  }

  async function committed(statement: Promise<unknown>): Promise<void> {
    context.failpoint('before-commit')
    await statement
  }

  async function store(entries: readonly Entry[]): Promise<StoreResult> {
    const { good, poison } = checkEntries(entries)
    if (good.length === 0) return { done: [], poison }
    const batch = toBatch(good)
    for (let attempt = 1; ; attempt++) {
      try {
        await write(batch)
        if (attempt > 1) context.log(`postgres is back after ${attempt - 1} failed attempts`)
        return { done: good, poison }
      } catch (error) {
        if (/^2[23]/.test(codeOf(error))) return await storeHalves(good, poison, error)
        if (attempt === 1) context.log(`postgres does not store: ${reasonOf(error)}; trying again, acknowledging nothing`)
        await sleep(Math.min(25 * 2 ** Math.min(attempt, 6), 1_000), undefined, { signal: context.signal })
      }
    }
  }

  async function storeHalves(entries: Entry[], poison: Poison[], error: unknown): Promise<StoreResult> {
    if (entries.length === 1) return { done: [], poison: [...poison, { entry: entries[0]!, reason: reasonOf(error) }] }
    const middle = entries.length >> 1
    const halves = [await store(entries.slice(0, middle)), await store(entries.slice(middle))]
    return { done: halves.flatMap((it) => it.done), poison: [...poison, ...halves.flatMap((it) => it.poison)] }
  }

  return { store }
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}

/** Node's connection errors to several addresses have their reasons inside and no message of their own. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  return error instanceof Error ? error.message || error.name : String(error)
}
