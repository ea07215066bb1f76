import type { Channel, ConsumeMessage } from 'amqplib'
import { closeChannel, type Session } from '../../../rabbitmq/connection.ts'
import { RECORD_BYTES } from '../../../record.ts'
import { shardQueue } from '../names.ts'

/** A message of this type holds no events: it is answered when all that came before it is stored. */
export const MARKER = 'marker'

export interface ShardKnobs {
  batch: number
  flush: number
  prefetch: number
}

/** One shard that this worker consumes, or waits to. */
export interface Shard {
  /** When it was last given something, on the clock of `performance.now()`. */
  receivedMs(): number
  /** Messages that it was given and has not acknowledged. */
  held(): number
  /** Hands the shard to another worker that waits for it, once the batch that is being stored is acknowledged. */
  release(): void
}

export interface Handler {
  /** Stores what these messages hold; they are acknowledged when it resolves. */
  handle(messages: readonly ConsumeMessage[]): Promise<void>
  /** A message has come; it waits for its batch. */
  received?(message: ConsumeMessage): void
  /** The acknowledgement has left this process. */
  acknowledged(): void
}

/**
 * Consumes the queue of a shard on a channel of its own, batch after batch, one at a time: so its messages are stored in their order, also those
 * that come again, as RabbitMQ puts what was not acknowledged back where it was. Resolves when `ended` is aborted; rejects as `handle` does.
 */
export function consumeShard(session: Session, number: number, knobs: ShardKnobs, handler: Handler, ended: AbortSignal): Shard & { done: Promise<void> } {
  const { batch, flush, prefetch } = knobs
  let waiting: ConsumeMessage[] = []
  let waitingEvents = 0
  let handling = 0
  let receivedMs = -Infinity
  let releasing = false
  let wake = (): void => {}
  ended.addEventListener('abort', () => wake(), { once: true })

  async function open(): Promise<Channel> {
    const channel = await session.channel()
    await channel.prefetch(prefetch)
    await channel.consume(shardQueue(number), (message) => {
      if (message === null) return session.lose(`queue ${shardQueue(number)} was deleted`)
      receivedMs = performance.now()
      handler.received?.(message)
      waiting.push(message)
      waitingEvents += eventsIn(message)
      if (isEnough() || waiting.length === 1) wake()
    })
    return channel
  }

  /** No more can come than `prefetch` messages, whatever the batch is. */
  const isEnough = (): boolean => waitingEvents >= batch || waiting.length >= prefetch

  const woken = (ms?: number): Promise<void> => new Promise((resolve) => {
    const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
    wake = () => {
      clearTimeout(timer)
      resolve()
    }
  })

  async function nextBatch(): Promise<ConsumeMessage[]> {
    while (waiting.length === 0 && !ended.aborted && !releasing) await woken()
    if (flush > 0 && waiting.length > 0 && !isEnough() && !ended.aborted) await woken(flush)
    if (ended.aborted) return []
    let events = 0
    const count = waiting.findIndex((message, i) => (events += eventsIn(message)) > batch && i > 0)
    const taken = waiting.splice(0, count < 0 ? waiting.length : count)
    for (const message of taken) waitingEvents -= eventsIn(message)
    return taken
  }

  async function run(): Promise<void> {
    let channel = await open()
    while (!ended.aborted) {
      const messages = await nextBatch()
      if (messages.length > 0) {
        handling = messages.length
        await handler.handle(messages)
        if (session.ended.aborted) return
        channel.ack(messages.at(-1)!, true)
        handling = 0
        // amqplib hands it to the socket in an immediate of its own.
        setImmediate(() => setImmediate(() => handler.acknowledged()))
        for (const { properties } of messages) {
          if (properties.type === MARKER) channel.sendToQueue(String(properties.replyTo), NOTHING, { correlationId: String(properties.correlationId) })
        }
      }
      if (!releasing || ended.aborted) continue
      // Everything it holds goes back in one go, and before the channel is closed nobody else is given anything: the order stays.
      await closeChannel(channel)
      waiting = []
      waitingEvents = 0
      releasing = false
      channel = await open()
    }
  }

  return {
    done: run(),
    receivedMs: () => receivedMs,
    held: () => waiting.length + handling,
    release() {
      releasing = true
      wake()
    },
  }
}

const NOTHING = Buffer.alloc(0)

function eventsIn({ content }: ConsumeMessage): number {
  return Math.max(1, Math.floor(content.length / RECORD_BYTES))
}
