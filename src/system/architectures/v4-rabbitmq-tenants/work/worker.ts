import { setTimeout as sleep } from 'node:timers/promises'
import type { ConfirmChannel, ConsumeMessage } from 'amqplib'
import type { Context } from '../../../context.ts'
import { counter, gauge } from '../../../metrics.ts'
import { connectPostgres } from '../../../postgres/connect.ts'
import { connectRabbit, type Session } from '../../../rabbitmq/connection.ts'
import { reasonOf } from '../../../reason.ts'
import { closeRedis, connectRedis } from '../../../redis.ts'
import type { Taken } from '../../../tracing/tracer.ts'
import { readMessage, type Event } from '../ingest/message.ts'
import { assertQueues } from '../ingest/queues.ts'
import type { V4Knobs } from '../knobs.ts'
import type { Letter } from '../letter.ts'
import { BROKER_ACCOUNT } from '../names.ts'
import { startProjector } from '../read/projector.ts'
import { WORK_ACCOUNT } from '../tenancy/accounts.ts'
import { keepBalance } from './balance.ts'
import { createBurial, letterOfDead, letterOfUnreadable } from './burial.ts'
import { databaseIdempotency, redisIdempotency } from './idempotency.ts'
import { consumeShard, MARKER, type Shard } from './shard.ts'
import { createStore } from './store.ts'

/** Shards store at the same time, each on a connection; beyond this they take turns, as the database has so many cores. */
const MAX_CONNECTIONS = 8
const READY_POLL_MS = 10
/** Before what failed for a reason that nobody foresaw is tried again. */
const ASTRAY_PAUSE_MS = 500

type WorkerKnobs = Pick<V4Knobs, 'batch' | 'flush' | 'prefetch' | 'shards' | 'queue' | 'queueLimit' | 'idempotency'>

/**
 * a queue a shard ──▶ batch ──▶ known? (Redis) ──▶ store + totals, one transaction ──▶ acknowledge ──▶ projection
 *                                                       └──▶ what never can be stored: orders.dead, then acknowledge
 *
 * Shards go on side by side, the batches of each one after the other. A message is acknowledged once everything in it is stored or put aside,
 * so whatever happens in between happens again, and the primary key makes that harmless.
 */
export async function startWorker(context: Context<WorkerKnobs>): Promise<AsyncDisposable> {
  const { knobs } = context
  const redis = connectRedis(context, 'worker')
  // Shards, projector, and the notes of the dead.
  const pool = connectPostgres(context, 'worker', Math.min(knobs.shards, MAX_CONNECTIONS) + 2, undefined, WORK_ACCOUNT)
  const projector = startProjector(context, pool, redis)
  const store = createStore(pool, knobs.idempotency === 'redis' ? redisIdempotency(redis) : databaseIdempotency, context)
  const burial = createBurial(pool, context)
  const { tracer } = context
  /** When messages came, ms since the epoch; where this process traces. */
  const readMs = new WeakMap<ConsumeMessage, number>()
  let shards: Shard[] = []
  let running: Promise<unknown> = Promise.resolve()
  const counts = { stored: 0, known: 0 }
  exposeCounts(counts, () => shards)

  async function handle(messages: readonly ConsumeMessage[], letters: ConfirmChannel, ended: AbortSignal): Promise<void> {
    context.failpoint('after-receive')
    const events: Event[] = []
    const taken: Taken[] = []
    const beganMs = tracer?.nowMs()
    const dead: Letter[] = []
    for (const message of messages) {
      const { properties, content } = message
      if (properties.type === MARKER) continue
      const read = readMessage(properties.headers ?? {}, content)
      events.push(...read.events)
      if (beganMs !== undefined) taken.push({ events: read.events.map(({ id }) => id), readMs: readMs.get(message) ?? beganMs })
      dead.push(...read.unreadable.map(letterOfUnreadable))
    }
    const stored = await store.store(events, ended)
    if (beganMs !== undefined) tracer!.stored(taken, beganMs)
    context.failpoint('after-commit')
    dead.push(...stored.dead.map(letterOfDead))
    if (dead.length > 0) await burial.bury(letters, dead, ended)
    counts.stored += stored.added
    counts.known += events.length - stored.added - stored.dead.length
    projector.changed(new Set(events.map((it) => it.workspace)))
  }

  async function open(session: Session): Promise<void> {
    // What the connection before still stores comes before what is delivered again, as ever.
    await running
    const channel = await session.channel()
    await assertQueues(channel, knobs)
    const letters = await session.confirmChannel()
    const ended = AbortSignal.any([session.ended, context.signal])
    const handler = { handle: (messages: readonly ConsumeMessage[]) => handle(messages, letters, ended), acknowledged: () => context.failpoint('after-ack'), ...(tracer && { received: (message: ConsumeMessage) => void readMs.set(message, tracer.nowMs()) }) }
    const consuming = Array.from({ length: knobs.shards }, (_, shard) => consumeShard(session, shard, knobs, handler, ended))
    shards = consuming
    running = Promise.all(consuming.map((it) => it.done.catch(async (error: unknown) => {
      if (ended.aborted) return
      context.log(`a batch was not acknowledged: ${reasonOf(error)}`)
      await sleep(ASTRAY_PAUSE_MS)
      session.lose(`a batch was not acknowledged: ${reasonOf(error)}`)
    })))
    await keepBalance(channel, consuming, ended)
  }

  const rabbit = connectRabbit(context, 'worker', BROKER_ACCOUNT, open)
  while (rabbit.problem() !== undefined && !context.signal.aborted) await sleep(READY_POLL_MS)
  return {
    async [Symbol.asyncDispose]() {
      await running
      await rabbit[Symbol.asyncDispose]()
      await projector[Symbol.asyncDispose]()
      await Promise.all([closeRedis(redis), pool.end()])
    },
  }
}

function exposeCounts(counts: { stored: number; known: number }, shards: () => readonly Shard[]): void {
  counter('lab_events_stored_total', 'Events stored.', () => counts.stored)
  counter('lab_events_known_total', 'Events that came again and were stored before.', () => counts.known)
  gauge('lab_messages_held', 'Messages received and not acknowledged yet.', () => shards().reduce((sum, it) => sum + it.held(), 0))
}
