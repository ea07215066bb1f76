import { setTimeout as sleep } from 'node:timers/promises'
import type { Channel } from 'amqplib'
import type { Context } from '../../context.ts'
import { connectRabbit } from '../../rabbitmq/connection.ts'
import { BROKER_ACCOUNT, shardQueue } from './names.ts'
import { MARKER } from './work/shard.ts'

const CONNECT_WITHIN_MS = 10_000
const ANSWER_WITHIN_MS = 250
/** A pseudo-queue: answers come straight back to the channel. https://www.rabbitmq.com/docs/direct-reply-to */
const REPLY_QUEUE = 'amq.rabbitmq.reply-to'

/** How much is on its way through the shards. */
export interface Markers extends AsyncDisposable {
  /**
   * Messages that wait, and those in the hands of workers as far as is known: exactly 0 when everything that was accepted before this call is stored
   * and acknowledged. Throws when RabbitMQ does not answer.
   */
  backlog(): Promise<number>
}

/**
 * RabbitMQ tells at once how many messages of a queue wait, but of those that a consumer holds only what was true some seconds ago. So a marker
 * follows them through each queue where none waits: a worker answers it when all before it is stored and acknowledged. Until then at least one
 * is on its way. At most one marker a queue is out, so that a system that stands still is not filled with them.
 */
export async function createMarkers(context: Context<{ shards: number }>): Promise<Markers> {
  const { shards } = context.knobs
  /** By shard, the marker that is out, and who waits for it. */
  let out = new Map<number, { marker: string; answered: () => void }>()
  let channel: Channel | undefined
  let sequence = 0
  let counting: Promise<number> | undefined
  const rabbit = connectRabbit(context, 'judge', BROKER_ACCOUNT, async (session) => {
    const opened = await session.channel()
    // What was out on the connection before is answered to nobody.
    out = new Map()
    await opened.consume(REPLY_QUEUE, (message) => {
      for (const [shard, { marker, answered }] of out) {
        if (marker !== message?.properties.correlationId) continue
        out.delete(shard)
        answered()
      }
    }, { noAck: true })
    channel = opened
  })
  const untilMs = performance.now() + CONNECT_WITHIN_MS
  while (rabbit.problem() !== undefined && performance.now() < untilMs) await sleep(10)

  /** Of one shard. */
  async function countIn(shard: number): Promise<number> {
    const { messageCount, consumerCount } = await channel!.checkQueue(shardQueue(shard))
    // Where nobody consumes, nobody holds anything: the messages of one who has gone wait again from the same moment on.
    if (messageCount === 0 && consumerCount === 0) return 0
    const isOut = out.has(shard)
    // The marker may be one of them. What is before one that was sent earlier has not been stored since.
    if (messageCount > 0) return Math.max(1, isOut ? messageCount - 1 : messageCount)
    return isOut || !(await passes(shard)) ? 1 : 0
  }

  /** Sends a marker; does it come back soon? */
  async function passes(shard: number): Promise<boolean> {
    const marker = String(++sequence)
    const over = new AbortController()
    const answered = new Promise<boolean>((resolve) => {
      out.set(shard, { marker, answered: () => resolve(true) })
      channel!.publish('', shardQueue(shard), NOTHING, { type: MARKER, replyTo: REPLY_QUEUE, correlationId: marker })
    })
    const passed = await Promise.race([answered, sleep(ANSWER_WITHIN_MS, false, { signal: over.signal }).catch(() => false)])
    over.abort()
    return passed
  }

  async function count(): Promise<number> {
    const problem = rabbit.problem()
    if (problem !== undefined) throw new Error(problem)
    const counts = await Promise.all(Array.from({ length: shards }, (_, shard) => countIn(shard)))
    return counts.reduce((sum, it) => sum + it, 0)
  }

  return {
    /** One after the other: an answer holds for what was accepted before the question, so nobody takes that of another. */
    async backlog() {
      while (counting !== undefined) await counting.catch(() => {})
      return await (counting = count().finally(() => { counting = undefined }))
    },
    [Symbol.asyncDispose]: () => rabbit[Symbol.asyncDispose](),
  }
}

const NOTHING = Buffer.alloc(0)
