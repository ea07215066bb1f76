import type { Context } from '../../context.ts'
import { counter } from '../../metrics.ts'
import { connectPostgres } from '../../postgres/connect.ts'
import { reasonOf } from '../../reason.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import type { Taken } from '../../tracing/tracer.ts'
import { recordsIn, type Entry } from './codec.ts'
import { createInbox } from './inbox.ts'
import { DEAD_STREAM } from './names.ts'
import { startProjector } from './projector.ts'
import { createStore } from './store.ts'
import { createOrderStream } from './stream.ts'

/** Batches being stored at once, each on a connection of its own: while one commits, the other inserts. */
const LANES = 2

type WorkerKnobs = { batch: number; flush: number }

/**
 * read (or claim) ──▶ store, two batches at a time ──▶ acknowledge and delete ──▶ projection
 *
 * The next batch is read while the others are stored. An entry leaves the stream only after all its records were committed,
 * so whatever happens in between happens again, and the primary key makes that harmless.
 */
export async function startWorker(context: Context<WorkerKnobs>): Promise<AsyncDisposable> {
  const reader = connectRedis(context, 'worker-reader')
  const writer = connectRedis(context, 'worker-writer')
  // Lanes and projector.
  const pool = connectPostgres(context, 'worker', LANES + 1)
  const projector = startProjector(context, pool, writer)
  const store = createStore(pool, context)
  const stream = createOrderStream(writer)
  const inbox = createInbox(context, reader)
  const lanes = new Set<Promise<void>>()
  let stored = 0
  let dead = 0
  /** Asked to stop, and the database is away. */
  let givenUp = false
  counter('lab_events_stored_total', 'Events stored (or found stored) and acknowledged.', () => stored)
  counter('lab_events_dead_total', 'Records moved to the dead stream.', () => dead)

  async function handle(entries: readonly Entry[]): Promise<void> {
    const beganMs = context.tracer?.nowMs()
    try {
      const poison = await store.store(entries)
      if (beganMs !== undefined) context.tracer!.stored(entries.map((it) => taken(it, beganMs)), beganMs)
      context.failpoint('after-commit')
      projector.changed()
      await stream.acknowledge(entries, poison)
      context.failpoint('after-ack')
      stored += entries.reduce((sum, it) => sum + recordsIn(it), 0) - poison.filter((it) => recordsIn(it.entry) > 0).length
      dead += poison.length
      for (const { entry, reason } of poison) context.log(`a record of entry ${entry.entryId} went to ${DEAD_STREAM}: ${reason}`)
    } catch (error) {
      // Stored or not, the entries are pending still and come back by claiming.
      if (context.signal.aborted) givenUp = true
      else context.log(`batch of ${entries.length} entries not acknowledged: ${reasonOf(error)}`)
    } finally {
      inbox.forget(entries)
    }
  }

  async function run(): Promise<void> {
    for (;;) {
      const entries = await inbox.next()
      if (context.signal.aborted && (entries.length === 0 || givenUp)) return
      if (entries.length === 0) continue
      context.failpoint('after-read')
      while (lanes.size >= LANES) await Promise.race(lanes)
      const lane = handle(entries).finally(() => lanes.delete(lane))
      lanes.add(lane)
    }
  }

  await inbox.open()
  const running = run()
  return {
    async [Symbol.asyncDispose]() {
      await running
      await Promise.all(lanes)
      await projector[Symbol.asyncDispose]()
      await inbox.leave()
      await Promise.all([closeRedis(reader), closeRedis(writer), pool.end()])
    },
  }
}

/** Redis' id of an entry begins with the moment it was added, in ms. */
function taken({ records, entryId, readMs }: Entry, beganMs: number): Taken {
  return { events: records, enqueuedMs: Number(entryId.split('-', 1)[0]), readMs: readMs ?? beganMs }
}
