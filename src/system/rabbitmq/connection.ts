import type { Socket } from 'node:net'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { connect, type Channel, type ChannelModel, type ConfirmChannel, type Options } from 'amqplib'
import type { Context } from '../context.ts'
import { reasonOf } from '../reason.ts'
import { tlsOf } from '../tls.ts'

const CONNECT_WITHIN_MS = 2_000
/** Queues whose leader has to be found first may take a while after a restart. */
const OPEN_WITHIN_MS = 15_000
const CLOSE_WITHIN_MS = 500
/** After two of them without a sign of life the connection is given up. */
const HEARTBEAT_S = 5
/** What no retry mends (a queue with other settings) is tried again seldom: somebody has to do something first. */
const REFUSED_PAUSE_MS = 2_000

/** One connection, from its handshake until it is gone. */
export interface Session {
  channel(): Promise<Channel>
  confirmChannel(): Promise<ConfirmChannel>
  /** Aborted when the connection is gone. */
  ended: AbortSignal
  /** Gives this connection up for another; whatever it holds unacknowledged is delivered again. */
  lose(reason: string): void
  /** What is written in this turn of the event loop leaves in one system call, or few, instead of one for every message. */
  cork(): void
}

/** A connection that is made again whenever it is lost, and hides no outage: nothing is queued, and nothing is sent twice. */
export interface Rabbit extends AsyncDisposable {
  /** Why nothing can be sent now; undefined: it can. */
  problem(): string | undefined
  /** Does RabbitMQ read nothing that is published, as its memory or disk runs out? */
  blocked(): boolean
  /** Gives the connection up for another. */
  reconnect(reason: string): void
}

export interface Account {
  username: string
  password: string
}

/**
 * `open` makes what is needed on each new connection (channels, queues, consumers); the connection counts as ready once it resolves. An error on
 * any of its channels ends the connection as a whole: one way of recovering, tried all the time, is worth more than two.
 */
export function connectRabbit(context: Context, purpose: string, account: Account, open: (session: Session) => Promise<void>): Rabbit {
  const stop = new AbortController()
  const { namespace } = context.access('rabbitmq')
  let model: ChannelModel | undefined
  let ready = false
  let blockedBy: string | undefined
  let away: string | undefined = 'not connected yet'
  let quiet = false

  function lost(error: unknown): void {
    away = reasonOf(error)
    if (!quiet && !stop.signal.aborted) context.log(`rabbitmq (${purpose}) is away: ${away}`)
    quiet = true
  }

  async function live(): Promise<void> {
    model = await connect(
      { ...placeOf(context, account), heartbeat: HEARTBEAT_S },
      { ...tlsOf(context.access('rabbitmq')), noDelay: true, timeout: CONNECT_WITHIN_MS, clientProperties: { connection_name: purpose } },
    )
    const session = watch(model)
    try {
      await within(OPEN_WITHIN_MS, open(session), session.ended)
      session.ended.throwIfAborted()
      if (quiet) context.log(`rabbitmq (${purpose}) is back`)
      quiet = false
      away = undefined
      ready = true
      await aborted(session.ended)
      throw session.ended.reason
    } finally {
      ready = false
      blockedBy = undefined
      destroy(model, 'it is given up')
    }
  }

  function watch(connection: ChannelModel): Session {
    const gone = new AbortController()
    let reason: unknown
    let corked = false
    connection.on('error', (error: Error) => { reason ??= error })
    connection.on('close', (error?: Error) => gone.abort(reason ?? error ?? new Error('it closed the connection')))
    connection.on('blocked', (why: string) => {
      blockedBy = why
      context.log(`rabbitmq (${purpose}) takes nothing more: ${why}`)
    })
    connection.on('unblocked', () => {
      blockedBy = undefined
      context.log(`rabbitmq (${purpose}) takes orders again`)
    })
    const guarded = <C extends Channel>(channel: C): C => {
      channel.on('error', (error: Error) => { reason ??= error })
      channel.on('close', () => {
        if (!isClosing(channel)) destroy(connection, `a channel was closed: ${reasonOf(reason ?? new Error('nobody says why'))}`)
      })
      return channel
    }
    return {
      channel: async () => named(guarded(await connection.createChannel()), namespace),
      confirmChannel: async () => named(guarded(await connection.createConfirmChannel()), namespace),
      ended: gone.signal,
      lose: (why) => destroy(connection, why),
      cork() {
        if (corked) return
        corked = true
        const socket = socketOf(connection)
        socket.cork()
        // amqplib hands its frames to the socket in an immediate of its own, which comes after this one and before the next.
        setImmediate(() => setImmediate(() => {
          corked = false
          socket.uncork()
        }))
      },
    }
  }

  async function run(): Promise<void> {
    for (let attempt = 1; !stop.signal.aborted; attempt++) {
      try {
        await live()
      } catch (error) {
        if (away === undefined) attempt = 1
        lost(error)
        await sleep(isRefusal(error) ? REFUSED_PAUSE_MS : Math.min(25 * attempt, 250), undefined, { signal: stop.signal }).catch(() => {})
      }
    }
  }

  const running = run()
  return {
    problem: () => (ready ? (blockedBy === undefined ? undefined : `RabbitMQ takes nothing more (${blockedBy})`) : `RabbitMQ is away (${away ?? 'connecting'})`),
    blocked: () => blockedBy !== undefined,
    reconnect: (reason) => {
      if (model !== undefined) destroy(model, reason)
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      if (model !== undefined) {
        // amqplib's closing goes straight to the socket, past what channels have handed over in this turn, acknowledgements for instance.
        await turn()
        await turn()
        await Promise.race([model.close().catch(() => {}), sleep(CLOSE_WITHIN_MS, undefined, { ref: false })])
        destroy(model, 'closed')
      }
      await running
    },
  }
}

const closing = new WeakSet<Channel>()
const isClosing = (channel: Channel): boolean => closing.has(channel)

/** Closes a channel on purpose: its connection lives on. What it holds unacknowledged goes back to its queue. */
export async function closeChannel(channel: Channel): Promise<void> {
  closing.add(channel)
  await channel.close()
}

/** RabbitMQ refuses what is asked of it: 403 not allowed, 406 a queue has other settings, 530 not at all. */
export function isRefusal(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return code === 403 || code === 406 || code === 530
}

function placeOf(context: Context, account: Account): Options.Connect {
  const { host, port } = context.address('rabbitmq')
  const { user, password = '', database, tls } = context.access('rabbitmq')
  const own = user === undefined ? account : { username: user, password }
  return { protocol: tls === 'off' ? 'amqp' : 'amqps', hostname: host, port, ...own, ...(database !== undefined && { vhost: database }) }
}

/** On a broker that others use too, every queue by its name has the run's own before it. Pseudo-queues (`amq.…`) are everybody's. */
function named<C extends Channel>(channel: C, namespace: string): C {
  if (namespace === '') return channel
  const full = (queue: string): string => (queue.startsWith('amq.') ? queue : `${namespace}.${queue}`)
  for (const method of ['assertQueue', 'checkQueue', 'consume', 'sendToQueue', 'deleteQueue'] as const) {
    const plain = channel[method].bind(channel) as (queue: string, ...rest: unknown[]) => unknown
    Object.assign(channel, { [method]: (queue: string, ...rest: unknown[]) => plain(full(queue), ...rest) })
  }
  const publish = channel.publish.bind(channel) as (exchange: string, key: string, ...rest: unknown[]) => unknown
  return Object.assign(channel, { publish: (exchange: string, key: string, ...rest: unknown[]) => publish(exchange, exchange === '' ? full(key) : key, ...rest) })
}

function socketOf(model: ChannelModel): Socket {
  return (model.connection as unknown as { stream: Socket }).stream
}

/** At once, without waiting for an answer; amqplib then tells all channels. */
function destroy(model: ChannelModel, reason: string): void {
  socketOf(model).destroy(new Error(reason))
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

async function within(ms: number, work: Promise<void>, ended: AbortSignal): Promise<void> {
  const over = new AbortController()
  const late = sleep(ms, undefined, { signal: over.signal }).then(() => { throw new Error(`it was not ready within ${ms / 1_000} s`) })
  late.catch(() => {})
  try {
    await Promise.race([work, late, aborted(ended).then(() => { throw ended.reason })])
  } catch (error) {
    work.catch(() => {})
    throw error
  } finally {
    over.abort()
  }
}
