import { setTimeout as sleep } from 'node:timers/promises'
import type { Channel, Options } from 'amqplib'
import type { Context } from '../../../context.ts'
import { connectRabbit, isRefusal } from '../../../rabbitmq/connection.ts'
import { reasonOf } from '../../../reason.ts'
import type { V4Knobs } from '../knobs.ts'
import { BROKER_ACCOUNT, DEAD_QUEUE, shardQueue } from '../names.ts'

export { shardOf } from './shard.ts'

/**
 * A quorum queue counts every return of a message as a delivery: a worker killed, a connection lost, a shard handed on. RabbitMQ 4 has 20 of them
 * by default and then drops the message; each would be an accepted event. What an event itself causes, workers count, three times, and put it
 * aside. So this limit is one that nothing reaches (-1, for none, is an error before RabbitMQ 4).
 */
const DELIVERY_LIMIT = 1_000_000
const READY_WITHIN_MS = 30_000

type QueueKnobs = Pick<V4Knobs, 'queue' | 'queueLimit' | 'shards'>

/**
 * A queue a shard. One worker at a time consumes it, so that its messages are stored in their order. Full, it refuses what comes: the default,
 * dropping from its head, would lose what was accepted.
 */
export function shardOptions({ queue, queueLimit }: Pick<QueueKnobs, 'queue' | 'queueLimit'>): Options.AssertQueue {
  return {
    durable: true,
    arguments: {
      'x-queue-type': queue,
      'x-max-length': queueLimit,
      'x-overflow': 'reject-publish',
      'x-single-active-consumer': true,
      ...(queue === 'quorum' && { 'x-delivery-limit': DELIVERY_LIMIT }),
    },
  }
}

/** Without a limit of length: what is refused here would hold up its shard. Looking at it counts as deliveries, too. */
const DEAD_OPTIONS: Options.AssertQueue = { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': DELIVERY_LIMIT } }

/** Makes the queues that are missing, and fails where one has other settings. */
export async function assertQueues(channel: Channel, knobs: QueueKnobs): Promise<void> {
  try {
    for (let shard = 0; shard < knobs.shards; shard++) await channel.assertQueue(shardQueue(shard), shardOptions(knobs))
    await channel.assertQueue(DEAD_QUEUE, DEAD_OPTIONS)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 406) throw error
    const says = `a queue is there with other settings than these (queue=${knobs.queue}, queueLimit=${knobs.queueLimit}): start with those it was made with, or delete it: ${reasonOf(error)}`
    throw Object.assign(new Error(says), { code: 406 })
  }
}

/** The queues, once RabbitMQ is there; rejects when it refuses them, or is not there within 30 s. */
export async function declareQueues(context: Context<QueueKnobs>): Promise<void> {
  let outcome: { error?: unknown } | undefined
  let last: unknown
  await using _rabbit = connectRabbit(context, 'setup', BROKER_ACCOUNT, async (session) => {
    try {
      await assertQueues(await session.channel(), context.knobs)
      outcome = {}
    } catch (error) {
      last = error
      if (isRefusal(error)) outcome = { error }
      throw error
    }
  })
  const untilMs = performance.now() + READY_WITHIN_MS
  while (outcome === undefined && performance.now() < untilMs) await sleep(10, undefined, { signal: context.signal })
  if (outcome === undefined) throw new Error(`RabbitMQ did not make its queues within ${READY_WITHIN_MS / 1_000} s${last === undefined ? '' : `: ${reasonOf(last)}`}`)
  if (outcome.error !== undefined) throw outcome.error
}
