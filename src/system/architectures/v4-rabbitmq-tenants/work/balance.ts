import type { Channel } from 'amqplib'
import { WORKERS_QUEUE } from '../names.ts'
import type { Shard } from './shard.ts'

const EVERY_MS = 1_000
/** A shard that has brought nothing for so long is no work, whoever has it. */
const BUSY_WITHIN_MS = 2_000

/** How many busy shards a worker gives away at a time: one, while it has more than its share. Pure. */
export function surplus(busy: number, shards: number, workers: number): number {
  return busy > Math.ceil(shards / Math.max(1, workers)) ? 1 : 0
}

/**
 * RabbitMQ gives every shard to the worker that came first, and the others wait. So each worker, once a second, counts the workers, and hands
 * one of its shards on while it has more than its share. They are counted at a queue of their own: of one whose consumers take turns RabbitMQ
 * tells of those alone whose turn it is.
 */
export async function keepBalance(channel: Channel, shards: readonly Shard[], ended: AbortSignal): Promise<void> {
  await channel.assertQueue(WORKERS_QUEUE, { durable: true, autoDelete: true, arguments: { 'x-queue-type': 'classic' } })
  await channel.consume(WORKERS_QUEUE, () => {}, { noAck: true })
  let looking = false
  const timer = setInterval(() => {
    if (ended.aborted) return clearInterval(timer)
    if (looking) return
    looking = true
    look().catch(() => {}).finally(() => { looking = false })
  }, EVERY_MS * (1 + Math.random() / 4))
  timer.unref()
  ended.addEventListener('abort', () => clearInterval(timer), { once: true })

  async function look(): Promise<void> {
    const sinceMs = performance.now() - BUSY_WITHIN_MS
    const busy = shards.filter((it) => it.receivedMs() >= sinceMs)
    if (busy.length < 2) return
    const { consumerCount } = await channel.checkQueue(WORKERS_QUEUE)
    if (surplus(busy.length, shards.length, consumerCount) > 0) busy[Math.floor(Math.random() * busy.length)]!.release()
  }
}
