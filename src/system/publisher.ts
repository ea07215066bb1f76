import type { Redis } from 'ioredis'
import { Unavailable, Unknown } from './architecture.ts'
import type { Context } from './context.ts'
import type { Order } from './event.ts'
import { counter, gauge } from './metrics.ts'
import { encodeOrder, RECORD_BYTES } from './record.ts'
import { closeRedis, connectRedis, isReply, isUnsent } from './redis.ts'

/** Events in flight or waiting, at most; beyond it orders are refused. */
const MAX_OPEN_EVENTS = 20_000
const MAX_EVENTS_A_COMMAND = 1_000
/** Room that a command begins with: small enough for Node's pool of buffers. */
const FIRST_RECORDS = 64
/** While this many commands are unanswered, what arrives joins the next one. */
const COMMANDS_IN_FLIGHT = 4
/** When the oldest command is older, new orders are refused: Redis hangs. */
const STALLED_MS = 1_000
/** When it is older than this, nobody can tell any more, and the connection is given up. */
const GIVE_UP_MS = 4_000
const SWEEP_MS = 100
/** After a refusal, Redis is not asked again for so long. */
const REFUSED_PAUSE_MS = 50

/** Events that go to Redis in one command, and share its fate. */
interface Command {
  /** Records, one after the other; the first `events` of them are filled. */
  records: Buffer
  events: number
  sentAtMs: number
  done: Promise<void>
  resolve: () => void
  reject: (error: Error) => void
}

/**
 * Hands records, one after the other, to Redis in one command. Resolves with a refusal when nothing was written on purpose;
 * rejects as ioredis does.
 */
export type Append = (records: Buffer) => Promise<Unavailable | undefined>

export interface Publisher extends AsyncDisposable {
  publish(orders: Order[]): Promise<void>
  ready(): { ok: true } | { ok: false; reason: string }
}

/**
 * Every order that arrives in one turn of the event loop travels in one command, on one connection, with up to four commands
 * unanswered: a client command, a reply and a promise per turn instead of per order, and one fsync in Redis for all of them.
 * They share an entry or message too, so what it costs on its way is paid once for all of them; a lone order goes at once, in one of its own.
 */
export function createPublisher(context: Context, appendOn: (redis: Redis) => Append): Publisher {
  const redis = connectRedis(context, 'publisher')
  const appendRecords = appendOn(redis)
  const waiting: Command[] = []
  const inFlight = new Set<Command>()
  let open: Command | undefined
  let openEvents = 0
  let lastRefusal: { says: Unavailable; untilMs: number } | undefined
  let scheduled = false
  gauge('lab_publish_open_events', 'Events handed to Redis and not answered yet.', () => openEvents)
  let commands = 0
  counter('lab_publish_commands_total', 'Commands sent to Redis; each carries the events of one turn.', () => commands)

  const AWAY = new Unavailable('Redis is away, nothing was written', 1)
  const STALLED = new Unavailable('Redis does not answer, nothing of this was written', 1)
  const CROWDED = new Unavailable(`${MAX_OPEN_EVENTS} events wait for Redis already, nothing of this was written`, 1)
  const BROKEN = new Unknown('the connection to Redis broke: it may have been written')

  function refusal(events: number): Unavailable | undefined {
    if (redis.status !== 'ready') return AWAY
    const nowMs = performance.now()
    if (lastRefusal !== undefined && nowMs < lastRefusal.untilMs) return lastRefusal.says
    if (openEvents + events > MAX_OPEN_EVENTS) return CROWDED
    const [oldest] = inFlight
    return oldest !== undefined && nowMs - oldest.sentAtMs > STALLED_MS ? STALLED : undefined
  }

  function publish(orders: Order[]): Promise<void> {
    const refused = refusal(orders.length)
    if (refused !== undefined) return Promise.reject(refused)
    if (open !== undefined && open.events + orders.length > MAX_EVENTS_A_COMMAND) seal()
    open ??= newCommand()
    append(open, orders)
    openEvents += orders.length
    if (!scheduled) {
      scheduled = true
      setImmediate(flush)
    }
    return open.done
  }

  function seal(): void {
    if (open !== undefined) waiting.push(open)
    open = undefined
  }

  function flush(): void {
    scheduled = false
    while (inFlight.size < COMMANDS_IN_FLIGHT) {
      if (waiting.length === 0) seal()
      const next = waiting.shift()
      if (next === undefined) return
      if (redis.status === 'ready') void send(next)
      else settle(next, AWAY)
    }
  }

  async function send(command: Command): Promise<void> {
    command.sentAtMs = performance.now()
    inFlight.add(command)
    commands += 1
    let problem: Error | undefined
    try {
      const refused = await appendRecords(command.records.subarray(0, command.events * RECORD_BYTES))
      if (refused === undefined) context.failpoint('after-publish')
      else lastRefusal = { says: refused, untilMs: performance.now() + REFUSED_PAUSE_MS }
      problem = refused
    } catch (error) {
      problem = isReply(error) ? new Unavailable(`Redis refused: ${error.message}`, 1) : isUnsent(error) ? AWAY : BROKEN
    }
    settle(command, problem)
    flush()
  }

  /** Once only: a command that was given up may still be answered. */
  function settle(command: Command, problem: Error | undefined): void {
    if (inFlight.delete(command) || command.sentAtMs === 0) {
      openEvents -= command.events
      if (problem === undefined) command.resolve()
      else command.reject(problem)
    }
  }

  const sweep = setInterval(() => {
    const [oldest] = inFlight
    if (oldest === undefined || performance.now() - oldest.sentAtMs < GIVE_UP_MS) return
    context.log(`redis has not answered for ${GIVE_UP_MS} ms: giving up ${inFlight.size} commands`)
    for (const command of [...inFlight]) settle(command, new Unknown('Redis did not answer in time: it may have been written'))
    seal()
    for (const command of waiting.splice(0)) settle(command, STALLED)
    redis.disconnect(true)
  }, SWEEP_MS)
  sweep.unref()

  return {
    publish,
    ready() {
      const refused = refusal(1)
      return refused === undefined ? { ok: true } : { ok: false, reason: refused.message }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(sweep)
      await closeRedis(redis)
    },
  }
}

function append(command: Command, orders: readonly Order[]): void {
  const needed = (command.events + orders.length) * RECORD_BYTES
  if (needed > command.records.length) {
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * command.records.length))
    command.records.copy(larger, 0, 0, command.events * RECORD_BYTES)
    command.records = larger
  }
  for (const order of orders) encodeOrder(order, command.records, command.events++ * RECORD_BYTES)
}

function newCommand(): Command {
  let resolve!: Command['resolve']
  let reject!: Command['reject']
  const promise = new Promise<void>((...settlers) => { [resolve, reject] = settlers })
  // Those who wait have their own handlers; when a client has gone there may be none.
  promise.catch(() => {})
  return { records: Buffer.allocUnsafe(FIRST_RECORDS * RECORD_BYTES), events: 0, sentAtMs: 0, done: promise, resolve, reject }
}
