import { setTimeout as sleep } from 'node:timers/promises'
import type { EachBatchPayload } from 'kafkajs'
import { connectClickhouse } from '../../../clickhouse/connect.ts'
import type { Context } from '../../../context.ts'
import { connectKafka, nameIn } from '../../../kafka/connect.ts'
import { reasonOf } from '../../../reason.ts'
import { closeRedis, connectRedis } from '../../../redis.ts'
import type { V5Knobs } from '../knobs.ts'
import { DEAD_TOPIC, GROUP, ORDERS_TOPIC } from '../names.ts'
import { createSpeedWriter } from '../speed/writer.ts'
import { createStore } from '../store.ts'
import { createDeadTopic } from './dead-letters.ts'
import { exposeFigures } from './figures.ts'
import { createGroup, type Membership } from './group.ts'
import { startInserter } from './inserter.ts'
import { beginTenure, type Parts, type Tenure } from './tenure.ts'

const SHOW_EVERY_MS = 100
const RETRY_MS = 300
/** A partition is read on until so many batches of it wait to be stored. */
const HELD_BATCHES = 2

export type ConsumerKnobs = Pick<V5Knobs, 'batch' | 'flush' | 'views' | 'brokers'>

/**
 * Kafka ──▶ read, duplicates left out ──▶ buckets in Redis ──▶ cut written down ──▶ inserted ──▶ offset committed
 *
 * One of the group; each partition is read, cut and stored by whoever has it. Whatever comes between two of these steps, the next one to have
 * the partition goes on from the committed offset: it inserts the cut it finds written down under the same token, and makes what follows itself.
 */
export async function startConsumer(context: Context<ConsumerKnobs>): Promise<AsyncDisposable> {
  const { batch, flush, views } = context.knobs
  const kafka = connectKafka(context, 'consumer')
  const client = connectClickhouse(context, 'consumer')
  const redis = connectRedis(context, 'consumer')
  const dead = createDeadTopic(kafka, nameIn(context, DEAD_TOPIC))
  const speed = createSpeedWriter(redis)
  const tenures = new Map<number, Tenure>()
  const paused = new Set<number>()
  const apart = new Map<number, number>()
  let stopping = false
  /** Told once. */
  let waitsFor = ''

  const active = () => [...tenures.values()].filter((it) => it.active())
  const group = createGroup(context, kafka, { topic: nameIn(context, ORDERS_TOPIC), groupId: nameIn(context, GROUP) }, {
    joined: (membership) => {
      tenures.clear()
      figures.lag.clear()
      for (const partition of membership.partitions) void begin(membership, partition)
    },
    batch: takeBatch,
    passed: (partition, first, to) => tenures.get(partition)?.passed(first, to),
    // Out of kafkajs' listeners, which would keep it to themselves: the process ends, and is started again.
    failed: (error) => setImmediate(() => {
      throw error
    }),
  })
  const figures = exposeFigures({
    rebalances: group.rebalances,
    unstored: () => active().reduce((sum, it) => sum + it.orders(), 0),
    partitions: () => active().length,
  })
  const parts: Parts = { context, store: createStore(client, views), speed, dead, figures }

  async function begin(membership: Membership, partition: number): Promise<void> {
    let told = false
    while (membership.active() && !stopping) {
      try {
        const tenure = await beginTenure(parts, membership, partition)
        if (!membership.active() || stopping) return
        tenures.set(partition, tenure)
        paused.delete(partition)
        return group.resume(partition, tenure.position())
      } catch (error) {
        if (membership.active() && !told) context.log(`partition ${partition} waits: ${reasonOf(error)}`)
        told = true
        await sleep(RETRY_MS)
      }
    }
  }

  async function takeBatch({ batch: found, resolveOffset }: EachBatchPayload): Promise<void> {
    const tenure = tenures.get(found.partition)
    if (tenure === undefined || !tenure.active() || stopping) return
    context.failpoint('after-read')
    if (isApart(tenure, Number(found.firstOffset()))) return group.resume(found.partition, tenure.position())
    try {
      await tenure.take(found)
    } catch (error) {
      if (waitsFor !== reasonOf(error)) context.log(`partition ${found.partition} waits: ${waitsFor = reasonOf(error)}`)
      return hold(tenure)
    }
    waitsFor = ''
    if (tenures.get(found.partition) !== tenure || !tenure.active()) return
    resolveOffset(found.lastOffset())
    if (tenure.orders() >= HELD_BATCHES * batch) hold(tenure)
    inserter.kick()
    show()
  }

  /** What was fetched does not follow what was read: looked at again, and taken where that is how the log is (its beginning is kept no more). */
  function isApart(tenure: Tenure, first: number): boolean {
    const again = apart.get(tenure.partition) === first
    if (first <= tenure.position() || again) return false
    apart.set(tenure.partition, first)
    return true
  }

  function hold(tenure: Tenure): void {
    paused.add(tenure.partition)
    group.pause(tenure.partition)
  }

  function resumeThose(): void {
    for (const tenure of active()) {
      if (stopping || !paused.has(tenure.partition) || tenure.orders() >= HELD_BATCHES * batch) continue
      paused.delete(tenure.partition)
      group.resume(tenure.partition, tenure.position())
    }
  }

  let shownMs = -Infinity
  let showing: Promise<unknown> | undefined
  function show(): void {
    const nowMs = performance.now()
    if (showing !== undefined || nowMs - shownMs < SHOW_EVERY_MS || redis.status !== 'ready') return
    shownMs = nowMs
    showing = speed.show(active().map((it) => it.shown()), Date.now()).finally(() => { showing = undefined })
  }

  const inserter = startInserter(context, { flush, active, stored: resumeThose })
  const ticking = setInterval(() => {
    show()
    resumeThose()
  }, SHOW_EVERY_MS / 2)

  await group.start()
  return {
    async [Symbol.asyncDispose]() {
      stopping = true
      for (const tenure of active()) group.pause(tenure.partition)
      await inserter.finish()
      clearInterval(ticking)
      await showing
      await group[Symbol.asyncDispose]()
      await Promise.all([dead[Symbol.asyncDispose](), client[Symbol.asyncDispose](), closeRedis(redis)])
    },
  }
}
