import type { Redis } from 'ioredis'
import { boundedCalls } from '../../../bounded-redis.ts'
import { counter } from '../../../metrics.ts'
import type { Event } from '../ingest/message.ts'
import { idempotencyKey } from '../names.ts'

/** As long as a client may take to try again; after that the unique key of the database knows it still. */
const REMEMBERED_S = 3_600
/** Slower than this, and the database is asked instead. */
const WITHIN_MS = 100

/** Finds out in Redis which events are stored already, to spare the database. It never says so of one that is not. */
export interface Idempotency {
  /** Claims these events and leaves out those that are known to be stored, the same in everything. */
  unknown(events: readonly Event[]): Promise<Event[]>
  /** These have been committed. */
  remember(events: readonly Event[]): Promise<void>
}

/**
 * SET … NX GET claims and looks in one go. What is `claimed` may have been stored or not: whoever claimed it may have died, or the database may
 * have refused it; so only `stored`, which is written after the commit, lets an event be left out. Everything else, and everything while Redis
 * is away, is for the unique key to decide.
 */
export function redisIdempotency(redis: Redis): Idempotency {
  const bounded = boundedCalls(redis, WITHIN_MS)
  let known = 0
  let blind = 0
  counter('lab_idempotency_known_total', 'Events that Redis knew to be stored.', () => known)
  counter('lab_idempotency_blind_total', 'Events that went to the database unasked, as Redis was away or slow.', () => blind)
  return {
    async unknown(events) {
      const said = await bounded(async () => {
        const pipeline = redis.pipeline()
        for (const event of events) pipeline.set(nameOf(event), `claimed:${event.fingerprint}`, 'EX', REMEMBERED_S, 'NX', 'GET')
        return await pipeline.exec()
      })
      if (!said?.answer) {
        blind += events.length
        return [...events]
      }
      const { answer } = said
      const left = events.filter((event, i) => answer[i]![1] !== `stored:${event.fingerprint}`)
      known += events.length - left.length
      return left
    },
    async remember(events) {
      await bounded(async () => {
        const pipeline = redis.pipeline()
        for (const event of events) pipeline.set(nameOf(event), `stored:${event.fingerprint}`, 'EX', REMEMBERED_S)
        await pipeline.exec()
      })
    },
  }
}

/** The unique key alone. */
export const databaseIdempotency: Idempotency = {
  unknown: async (events) => [...events],
  remember: async () => {},
}

/** A key that a client chose may look like the id of some event. */
function nameOf({ workspace, key, id }: Event): string {
  return idempotencyKey(workspace, key === undefined ? `id:${id}` : `key:${key}`)
}
