import { setTimeout as sleep } from 'node:timers/promises'
import { PartitionAssigners, type Broker, type Cluster, type EachBatchPayload, type Kafka, type PartitionAssigner } from 'kafkajs'
import type { Context } from '../../../context.ts'
import type { CommittedOffset } from '../../../kafka/offsets.ts'
import { reasonOf } from '../../../reason.ts'

/**
 * Without a word from a member for so long its partitions go to others. Kafka's default is 45 s; a consumer here is never busy for more than
 * some 100 ms at a time, so 3 s tell a dead one from one on a crowded machine, and what was its is read on within 4 s.
 */
const SESSION_TIMEOUT_MS = 3_000
/** The shortest that a broker takes by default (group.min.session.timeout.ms); one of the lab's own takes less. */
const ELSEWHERE_MS = 6_000
/** Ten in a session: one lost is nothing, and a rebalance is noticed at the next. */
const HEARTBEAT_MS = 300
/** The others have so long to come back into the group once it is formed anew. */
const REBALANCE_TIMEOUT_MS = 5_000
/** How long the broker holds a fetch that has nothing; a pause ends, and a rebalance is noticed, within it. */
const MAX_WAIT_MS = 100
const BYTES_A_PARTITION = 1_048_576
const RETRY_MS = 500

/** From one rebalance to the next: which partitions are ours, and the right to say how far they are. */
export interface Membership {
  partitions: readonly number[]
  /** Until the next rebalance, as far as is known here. */
  active(): boolean
  /** Has the group heard from us within the session? After a pause of the process the answer is no before anybody has told. */
  alive(): boolean
  /** Resolves once the group has confirmed us. Rejects when the membership has ended before. */
  generation(): Promise<number>
  committed(): Promise<Map<number, CommittedOffset>>
  /** The offset that the next record of each of these partitions will have. */
  ends(): Promise<Map<number, number>>
  /**
   * In the name of this very generation: the broker refuses it once there is a newer one, whatever has become of this process meanwhile.
   * (kafkajs' own commitOffsets takes the generation of the moment, and tries again after a rebalance with the next one.)
   */
  commit(partition: number, offset: number, metadata: string): Promise<void>
}

export interface GroupHandlers {
  /** The partitions stand still until they are resumed. */
  joined(membership: Membership): void
  /** What it does not resolve comes again. */
  batch(payload: EachBatchPayload): Promise<void>
  /** Marks of transactions alone at these offsets: nothing for {@link batch}. */
  passed(partition: number, first: number, to: number): void
  /** It cannot go on by itself. */
  failed(error: Error): void
}

export interface Group extends AsyncDisposable {
  start(): Promise<void>
  pause(partition: number): void
  /** Reads on from this offset. */
  resume(partition: number, offset: number): void
  rebalances(): number
}

export function createGroup(context: Context, kafka: Kafka, names: Names, handlers: GroupHandlers): Group {
  const { topic, groupId } = names
  const sessionMs = context.access('kafka').namespace === '' ? SESSION_TIMEOUT_MS : ELSEWHERE_MS
  let cluster: Cluster | undefined
  let coordinator: Broker | undefined
  let current: { membership: Membership; end(reason: string): void; confirmed(memberId: string, generation: number): void } | undefined
  let heardMs = -Infinity
  let rebalances = 0

  const assigner: PartitionAssigner = (config) => {
    cluster = config.cluster
    return PartitionAssigners.roundRobin(config)
  }
  const consumer = kafka.consumer({
    groupId,
    partitionAssigners: [assigner],
    sessionTimeout: sessionMs,
    heartbeatInterval: HEARTBEAT_MS,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    maxWaitTimeInMs: MAX_WAIT_MS,
    maxBytesPerPartition: BYTES_A_PARTITION,
    readUncommitted: false,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 10, restartOnFailure: async () => !context.signal.aborted },
  })

  async function ask<T>(call: (broker: Broker) => Promise<T>): Promise<T> {
    try {
      coordinator ??= await cluster!.findGroupCoordinator({ groupId })
      return await call(coordinator)
    } catch (error) {
      coordinator = undefined
      throw error
    }
  }

  function join(memberId: string, partitions: readonly number[]): void {
    current?.end('the group was formed anew')
    rebalances += 1
    let isActive = true
    let generation = -1
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    promise.catch(() => {})
    heardMs = performance.now()
    const membership: Membership = {
      partitions,
      active: () => isActive,
      alive: () => isActive && performance.now() - heardMs < sessionMs,
      generation: () => promise,
      committed: () => ask((broker) => readCommitted(broker, names, partitions)),
      async ends() {
        const found = await cluster!.fetchTopicsOffset([{ topic, partitions: partitions.map((partition) => ({ partition })), fromBeginning: false }])
        return new Map(found.flatMap((it) => it.partitions).map(({ partition, offset }) => [partition, Number(offset)]))
      },
      async commit(partition, offset, metadata) {
        await promise
        const partitions = [{ partition, offset: String(offset), metadata }]
        await ask((broker) => broker.offsetCommit({ groupId, memberId, groupGenerationId: generation, topics: [{ topic, partitions }] }))
      },
    }
    current = {
      membership,
      end(reason) {
        isActive = false
        reject(new Error(reason))
      },
      confirmed(member, its) {
        if (member !== memberId) return
        heardMs = performance.now()
        generation = Math.max(generation, its)
        resolve(generation)
      },
    }
    if (partitions.length > 0) consumer.pause([{ topic, partitions: [...partitions] }])
    handlers.joined(membership)
  }

  const { events } = consumer
  consumer.on(events.GROUP_JOIN, ({ payload }) => join(payload.memberId, payload.memberAssignment[topic] ?? []))
  consumer.on(events.REBALANCING, () => current?.end('the group is formed anew'))
  consumer.on(events.HEARTBEAT, ({ payload }) => current?.confirmed(payload.memberId, payload.groupGenerationId))
  consumer.on(events.STOP, () => current?.end('the consumer has stopped'))
  consumer.on(events.CRASH, ({ payload }) => {
    current?.end(payload.error.message)
    if (!payload.restart && !context.signal.aborted) handlers.failed(payload.error)
  })
  consumer.on(events.END_BATCH_PROCESS, ({ payload }) => {
    if (payload.batchSize === 0) handlers.passed(payload.partition, Number(payload.firstOffset), Number(payload.lastOffset) + 1)
  })

  return {
    async start() {
      for (;;) {
        try {
          await consumer.connect()
          await consumer.subscribe({ topics: [topic], fromBeginning: true })
          break
        } catch (error) {
          context.log(`Kafka does not answer: ${reasonOf(error)}`)
          await sleep(RETRY_MS, undefined, { signal: context.signal })
        }
      }
      await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: 64, eachBatch: handlers.batch })
    },
    pause: (partition) => consumer.pause([{ topic, partitions: [partition] }]),
    resume(partition, offset) {
      consumer.seek({ topic, partition, offset: String(offset) })
      consumer.resume([{ topic, partitions: [partition] }])
    },
    rebalances: () => rebalances,
    async [Symbol.asyncDispose]() {
      current?.end('this consumer leaves')
      await consumer.disconnect().catch((error: unknown) => context.log(`leaving the group: ${reasonOf(error)}`))
    },
  }
}

interface Names {
  topic: string
  groupId: string
}

async function readCommitted(broker: Broker, { topic, groupId }: Names, partitions: readonly number[]): Promise<Map<number, CommittedOffset>> {
  const asked = partitions.map((partition) => ({ partition, offset: '' }))
  const { responses } = await broker.offsetFetch({ groupId, topics: [{ topic, partitions: asked }] })
  const found = responses.flatMap((it) => it.partitions as { partition: number; offset: string; metadata?: string | null }[])
  return new Map(found.filter((it) => Number(it.offset) >= 0).map((it) => [it.partition, { offset: Number(it.offset), metadata: it.metadata ?? '' }]))
}
