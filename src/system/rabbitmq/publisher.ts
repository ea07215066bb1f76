import type { ConfirmChannel } from 'amqplib'
import { Unavailable, Unknown } from '../architecture.ts'
import type { Context } from '../context.ts'
import { counter, gauge } from '../metrics.ts'
import { Nacked, problemOf } from './confirm.ts'
import { connectRabbit, type Account, type Session } from './connection.ts'

/** Events handed over and not confirmed, at most; beyond it new ones are refused. */
const MAX_OPEN_EVENTS = 20_000
/** When the oldest message waits longer for its confirm, new ones are refused: RabbitMQ hangs. */
const STALLED_MS = 1_000
/** When it waits longer than this, nobody can tell any more, and the connection is given up. */
const GIVE_UP_MS = 4_000
const SWEEP_MS = 100
/** A queue that has refused a message is not tried again for so long. */
const REFUSED_PAUSE_MS = 50
const FULL_RETRY_S = 2

/** Goes to one queue, whole or not at all. */
export interface Message {
  queue: string
  messageId: string
  headers: Record<string, string | number>
  content: Buffer
  events: number
}

export interface Publisher extends AsyncDisposable {
  /** Resolves once RabbitMQ has confirmed it. Rejects with {@link Unavailable} (it was not written) or {@link Unknown}. */
  publish(message: Message): Promise<void>
  ready(): { ok: true } | { ok: false; reason: string }
}

interface Open {
  queue: string
  events: number
  sentAtMs: number
  /** RabbitMQ found no queue for it, and says so before it confirms it. */
  returned: boolean
  resolve: () => void
  reject: (error: Error) => void
}

/**
 * Publishes on one confirm channel, persistent and mandatory. Messages are told apart by a number of our own, as two of them may have the
 * same id. `prepare` makes what they need on each new connection: the queues.
 */
export function createPublisher(context: Context, account: Account, prepare: (channel: ConfirmChannel) => Promise<void>): Publisher {
  const open = new Map<string, Open>()
  const pausedUntilMs = new Map<string, number>()
  let openEvents = 0
  let sequence = 0
  let session: Session | undefined
  let channel: ConfirmChannel | undefined
  const counts = { messages: 0, refused: 0, returned: 0, unknown: 0 }
  exposeCounts(counts, () => openEvents)

  const rabbit = connectRabbit(context, 'publisher', account, async (opened) => {
    const confirming = await opened.confirmChannel()
    confirming.on('return', ({ properties }) => {
      const message = open.get(String(properties.correlationId))
      if (message !== undefined) message.returned = true
    })
    await prepare(confirming)
    session = opened
    channel = confirming
  })

  function refusal(queue: string | undefined, events: number): Unavailable | undefined {
    const problem = rabbit.problem()
    if (problem !== undefined) return new Unavailable(`${problem}, nothing was written`, 1)
    const nowMs = performance.now()
    const untilMs = queue === undefined ? undefined : pausedUntilMs.get(queue)
    if (untilMs !== undefined && nowMs < untilMs) return full(queue!)
    if (openEvents + events > MAX_OPEN_EVENTS) return new Unavailable(`${MAX_OPEN_EVENTS} events wait for RabbitMQ already, nothing of this was written`, 1)
    const oldest = open.values().next().value
    if (oldest === undefined || nowMs - oldest.sentAtMs <= STALLED_MS) return undefined
    return new Unavailable('RabbitMQ does not answer, nothing of this was written', 1)
  }

  function publish({ queue, messageId, headers, content, events }: Message): Promise<void> {
    const refused = refusal(queue, events)
    if (refused !== undefined) {
      counts.refused += 1
      return Promise.reject(refused)
    }
    const correlationId = String(++sequence)
    return new Promise((resolve, reject) => {
      open.set(correlationId, { queue, events, sentAtMs: performance.now(), returned: false, resolve, reject })
      openEvents += events
      counts.messages += 1
      try {
        session!.cork()
        channel!.publish('', queue, content, { messageId, correlationId, headers, persistent: true, mandatory: true }, (error: unknown) => answered(correlationId, problemOf(error)))
      } catch {
        // The channel is closed: nothing left this process.
        settle(correlationId, new Unavailable('RabbitMQ is away, nothing was written', 1))
      }
    })
  }

  function answered(correlationId: string, problem: Error | undefined): void {
    const message = open.get(correlationId)
    if (message === undefined) return
    if (problem instanceof Nacked) {
      pausedUntilMs.set(message.queue, performance.now() + REFUSED_PAUSE_MS)
      settle(correlationId, full(message.queue))
    } else if (problem !== undefined) {
      settle(correlationId, new Unknown('the connection to RabbitMQ broke: it may have been written'))
    } else if (message.returned) {
      counts.returned += 1
      settle(correlationId, new Unavailable(`there is no queue ${message.queue}, nothing was written`, 1))
      // Whoever removed it: a new connection makes it again, or says why it cannot.
      rabbit.reconnect(`queue ${message.queue} is missing`)
    } else {
      settle(correlationId, undefined)
    }
  }

  /** Once only: what was given up may still be confirmed. */
  function settle(correlationId: string, problem: Error | undefined): void {
    const message = open.get(correlationId)
    if (message === undefined) return
    open.delete(correlationId)
    openEvents -= message.events
    if (problem === undefined) return message.resolve()
    if (problem instanceof Unknown) counts.unknown += 1
    else counts.refused += 1
    message.reject(problem)
  }

  const sweep = setInterval(() => {
    const oldest = open.values().next().value
    if (oldest === undefined || performance.now() - oldest.sentAtMs < GIVE_UP_MS) return
    context.log(`rabbitmq has not confirmed for ${GIVE_UP_MS} ms: giving up ${open.size} messages`)
    for (const correlationId of [...open.keys()]) settle(correlationId, new Unknown('RabbitMQ did not confirm in time: it may have been written'))
    // Another connection would only be blocked as well, and is told so after its first message alone.
    if (!rabbit.blocked()) rabbit.reconnect('no confirms')
  }, SWEEP_MS)
  sweep.unref()

  return {
    publish,
    ready() {
      const refused = refusal(undefined, 1)
      return refused === undefined ? { ok: true } : { ok: false, reason: refused.message }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(sweep)
      await rabbit[Symbol.asyncDispose]()
    },
  }
}

function full(queue: string): Unavailable {
  return new Unavailable(`queue ${queue} is full, nothing was written`, FULL_RETRY_S)
}

function exposeCounts(counts: { messages: number; refused: number; returned: number; unknown: number }, openEvents: () => number): void {
  gauge('lab_publish_open_events', 'Events handed to the broker and not confirmed yet.', openEvents)
  counter('lab_publish_commands_total', 'Messages sent to RabbitMQ; each carries the events of one request.', () => counts.messages)
  counter('lab_publish_refused_total', 'Messages that were not written: RabbitMQ away, blocked or too slow, or a queue full.', () => counts.refused)
  counter('lab_publish_returned_total', 'Messages for which RabbitMQ had no queue.', () => counts.returned)
  counter('lab_publish_unknown_total', 'Messages of which nobody knows whether they were written.', () => counts.unknown)
}
