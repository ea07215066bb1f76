import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Context } from '../../context.ts'
import { counter } from '../../metrics.ts'
import { RECORD_BYTES } from '../../record.ts'
import { reasonOf } from '../../reason.ts'
import { channelOf, closeRedis, connectRedis } from '../../redis.ts'
import { orderChannel, parseMessage, type Message } from './channel.ts'
import { createCollector } from './collector.ts'
import { openOrderWriter, orderFile } from './file.ts'
import type { V0Knobs } from './knobs.ts'
import { ORDERS } from './names.ts'
import { createProgress } from './progress.ts'

const AGAIN_MS = 250
const UNSUBSCRIBE_WITHIN_MS = 1_000
const NO_RECORDS = Buffer.alloc(0)

/**
 * subscribe ──▶ collect until `batch` or `flush` ──▶ INSERT OR IGNORE, COMMIT ──▶ tell how far it is
 *
 * There is no second copy of anything: what it holds dies with it, and what is published while it is not subscribed was never kept.
 */
export async function startConsumer(context: Context<V0Knobs>): Promise<AsyncDisposable> {
  const writer = openOrderWriter(orderFile(context.dataFolder()), context.knobs.synchronous)
  const teller = connectRedis(context, 'consumer-teller')
  // Subscribing is left to us: what was missed is known only when it is asked for before.
  const subscriber = connectRedis(context, 'consumer', { autoResubscribe: false })
  const channel = orderChannel(teller)
  const progress = createProgress(channel, writer.count)
  const collector = createCollector(context, writer, progress)
  const sums = { missed: 0, foreign: 0 }
  counter('lab_events_missed_total', 'Events published while the consumer was not subscribed: lost, but for those that the one before stored and could not tell of.', () => sums.missed)
  counter('lab_messages_foreign_total', 'Messages that are not made of records: left out.', () => sums.foreign)
  /** Position of the last message of the last subscription. */
  let heard: number | undefined
  let subscribed = false

  async function subscribe(): Promise<void> {
    if (subscribed || subscriber.status !== 'ready' || teller.status !== 'ready') return
    const { passed } = await channel.positions()
    // A Redis that knows of no consumer has just begun to count; else it is where we, or the consumer before us, were.
    heard = passed === undefined ? 0 : (heard ?? passed)
    await subscriber.subscribe(channelOf(subscriber, ORDERS))
    // A message without records: whoever hears it is subscribed, and knows where the channel is.
    await channel.publish(NO_RECORDS)
  }

  function receive(bytes: Buffer): void {
    const message = parseMessage(bytes)
    if (message === undefined) {
      sums.foreign += 1
      return context.log(`a message of ${bytes.length} bytes is none of ours: left out`)
    }
    if (!subscribed) compare(message)
    subscribed = true
    heard = message.position
    collector.add(message)
  }

  /** The first message of a subscription shows what was missed: positions go on, whoever hears them. At most: a killed consumer told ten times a second. */
  function compare({ position, records }: Message): void {
    const missed = position - records.length / RECORD_BYTES - (heard ?? 0)
    sums.missed += Math.max(0, missed)
    context.log(missed > 0 ? `subscribed; up to ${missed} events were published meanwhile and are lost` : 'subscribed')
  }

  const tryToSubscribe = () => void subscribe().catch((error: unknown) => context.log(`not subscribed yet: ${reasonOf(error)}`))
  for (const redis of [subscriber, teller]) redis.on('ready', tryToSubscribe)
  const again = setInterval(tryToSubscribe, AGAIN_MS)
  subscriber.on('messageBuffer', (_channel: Buffer, bytes: Buffer) => receive(bytes))
  subscriber.on('close', () => {
    if (!subscribed) return
    context.log('the subscription is lost')
    subscribed = false
    collector.commit()
    progress.forget()
  })
  while (!subscribed && !context.signal.aborted) await sleep(5)

  return {
    async [Symbol.asyncDispose]() {
      clearInterval(again)
      await unsubscribe(subscriber)
      collector.commit()
      await progress[Symbol.asyncDispose]()
      await Promise.all([closeRedis(subscriber), closeRedis(teller)])
      writer[Symbol.dispose]()
    },
  }
}

/** The answer comes behind everything that Redis still had for us. */
async function unsubscribe(subscriber: Redis): Promise<void> {
  if (subscriber.status !== 'ready') return
  await Promise.race([subscriber.unsubscribe(ORDERS).catch(() => {}), sleep(UNSUBSCRIBE_WITHIN_MS, undefined, { ref: false })])
}
