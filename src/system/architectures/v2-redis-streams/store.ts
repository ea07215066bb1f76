import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Context } from '../../context.ts'
import { reasonOf } from '../../reason.ts'
import { checkEntries, recordAt, toBatch, type Batch, type Entry, type Place, type Poison } from './codec.ts'
import storeBatch from './sql/store-batch.sql?raw'
import storeNewBatch from './sql/store-new-batch.sql?raw'

/** After a batch that held a known id, so many are taken the careful way: where one is sent again, more are. */
const CAREFUL_BATCHES = 50
const UNIQUE_VIOLATION = '23505'

export interface Store {
  /**
   * Stores every record of these entries, in transactions of at most `batch`, for as long as it takes: an outage of the database is waited
   * out and condemns nothing. Resolves with the records that can never be stored; all others are stored, now or before.
   * Only what the database refuses for its content (SQLSTATE class 22 or 23) is halved until the culprit stands alone.
   * Throws only when the process is asked to stop; nothing is to be acknowledged then.
   */
  store(entries: readonly Entry[]): Promise<Poison[]>
}

/**
 * Two statements, each a whole transaction. CPU of PostgreSQL per event, one worker draining 300,000 in batches of 1,000 on a busy machine:
 * ON CONFLICT DO NOTHING with the count taken from RETURNING (and columns as text) 10.6–16 µs; plain INSERT with the batch's own sums
 * (and columns in binary) 5.1–5.3 µs. So the second is tried first; it fails as a whole when an id is known.
 */
export function createStore(pool: pg.Pool, context: Context<{ batch: number }>): Store {
  const { batch: most } = context.knobs
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

  async function storePlaces(places: readonly Place[]): Promise<Poison[]> {
    const batch = toBatch(places)
    for (let attempt = 1; ; attempt++) {
      try {
        await write(batch)
        if (attempt > 1) context.log(`postgres is back after ${attempt - 1} failed attempts`)
        return []
      } catch (error) {
        if (/^2[23]/.test(codeOf(error))) return await storeHalves(places, error)
        if (attempt === 1) context.log(`postgres does not store: ${reasonOf(error)}; trying again, acknowledging nothing`)
        await sleep(Math.min(25 * 2 ** Math.min(attempt, 6), 1_000), undefined, { signal: context.signal })
      }
    }
  }

  async function storeHalves(places: readonly Place[], error: unknown): Promise<Poison[]> {
    const [first] = places
    if (places.length === 1) return [{ entry: first!.entry, record: recordAt(first!), reason: reasonOf(error) }]
    const middle = places.length >> 1
    return [...await storePlaces(places.slice(0, middle)), ...await storePlaces(places.slice(middle))]
  }

  return {
    async store(entries) {
      const { good, poison } = checkEntries(entries)
      for (let from = 0; from < good.length; from += most) poison.push(...await storePlaces(good.slice(from, from + most)))
      return poison
    },
  }
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}
