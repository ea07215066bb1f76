import { setTimeout as sleep } from 'node:timers/promises'
import type { ConfirmChannel, ConsumeMessage } from 'amqplib'
import type pg from 'pg'
import type { DeadLetter, DeadLetters } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import { connectPostgres } from '../../postgres/connect.ts'
import { publishConfirmed } from '../../rabbitmq/confirm.ts'
import { closeChannel, connectRabbit, type Session } from '../../rabbitmq/connection.ts'
import { shardOf } from './ingest/queues.ts'
import type { V4Knobs } from './knobs.ts'
import { originalHeaders, readLetter } from './letter.ts'
import { BROKER_ACCOUNT, DEAD_QUEUE, shardQueue } from './names.ts'
import deleteDeadLetter from './sql/delete-dead-letter.sql?raw'
import { WORK_ACCOUNT } from './tenancy/accounts.ts'

const CONNECT_WITHIN_MS = 5_000
/** Between one letter and the next; what was counted a moment ago may be in the hands of somebody else. */
const NEXT_WITHIN_MS = 2_000
const ACCESS_REFUSED = 403

type Knobs = Pick<V4Knobs, 'shards'>

/** A letter in hand: neither taken away nor given back yet. */
interface Held {
  letter: DeadLetter
  message: ConsumeMessage
}

/**
 * What was put aside. Letters are looked at by taking them in hand, all that are there at this moment, and giving back at the end what is to
 * stay; meanwhile nobody else can look. So whatever happens in between, none is lost, and their order stays.
 */
export async function openDeadLetters(context: Context<Knobs>): Promise<DeadLetters> {
  const pool = connectPostgres(context, 'dead-letters', 1, undefined, WORK_ACCOUNT)
  const { shards } = context.knobs

  /** Calls `use` for each letter in its order, copies included; `false` ends it. */
  async function visit(use: (held: Held, channel: ConfirmChannel) => Promise<boolean>): Promise<void> {
    await using connection = await connectOnce(context)
    const channel = await connection.session.confirmChannel()
    const { messageCount } = await channel.checkQueue(DEAD_QUEUE)
    if (messageCount === 0) return
    const inbox = createInbox(connection.session.ended)
    await channel.consume(DEAD_QUEUE, (message) => inbox.put(message), { exclusive: true }).catch((error: unknown) => {
      throw (error as { code?: unknown }).code === ACCESS_REFUSED ? new Error('somebody else is looking at the dead letters: try again when they are done') : error
    })
    for (let left = messageCount; left > 0; left--) {
      const message = await inbox.next()
      if (message === undefined || !(await use({ letter: readLetter(message), message }, channel))) break
    }
    // Acknowledgements come before it, and what is held goes back.
    await closeChannel(channel)
  }

  /** Of all letters or of these ids: `act`, then away with it, and with every copy of it. */
  async function takeAway(ids: readonly string[] | undefined, act: (held: Held, channel: ConfirmChannel) => Promise<void>): Promise<number> {
    const wanted = ids === undefined ? undefined : new Set(ids)
    const done = new Set<string>()
    await visit(async (held, channel) => {
      const { id } = held.letter
      if (wanted !== undefined && !wanted.has(id)) return true
      if (!done.has(id)) {
        // The same event may come to the same end again, and must be put aside again then.
        await forget(pool, held.letter)
        await act(held, channel)
      }
      channel.ack(held.message)
      done.add(id)
      return !context.signal.aborted
    })
    return done.size
  }

  async function list(limit: number): Promise<DeadLetter[]> {
    const byId = new Map<string, DeadLetter>()
    await visit(async ({ letter }) => {
      if (!byId.has(letter.id)) byId.set(letter.id, letter)
      return byId.size < limit
    })
    return [...byId.values()].sort((a, b) => a.atMs - b.atMs)
  }

  return {
    count: async () => (await list(Infinity)).length,
    list,
    replay: (ids) => takeAway(ids, async ({ letter, message }, channel) => {
      const headers = originalHeaders(message)
      const queue = shardQueue(shardOf(Number(letter.owner), shards))
      await publishConfirmed(channel, queue, message.content, { headers, messageId: letter.id })
    }),
    purge: (ids) => takeAway(ids, async () => {}),
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

async function forget(pool: pg.Pool, { owner, id }: DeadLetter): Promise<void> {
  await pool.query({ name: 'delete-dead-letter', text: deleteDeadLetter, values: [Number(owner) || 0, id] })
}

/** One connection for one task, which fails with it. */
async function connectOnce(context: Context): Promise<{ session: Session } & AsyncDisposable> {
  let session: Session | undefined
  const rabbit = connectRabbit(context, 'dead-letters', BROKER_ACCOUNT, async (opened) => { session ??= opened })
  const untilMs = performance.now() + CONNECT_WITHIN_MS
  while (rabbit.problem() !== undefined && performance.now() < untilMs) await sleep(10)
  const problem = rabbit.problem()
  if (session === undefined || problem !== undefined) {
    await rabbit[Symbol.asyncDispose]()
    throw new Error(problem ?? 'RabbitMQ is away')
  }
  return { session, [Symbol.asyncDispose]: () => rabbit[Symbol.asyncDispose]() }
}

/** Messages as they come, to be asked for one by one. */
function createInbox(ended: AbortSignal): { put(message: ConsumeMessage | null): void; next(): Promise<ConsumeMessage | undefined> } {
  const waiting: ConsumeMessage[] = []
  let wake = (): void => {}
  ended.addEventListener('abort', () => wake(), { once: true })
  return {
    put(message) {
      if (message !== null) waiting.push(message)
      wake()
    },
    async next() {
      const untilMs = performance.now() + NEXT_WITHIN_MS
      while (waiting.length === 0 && !ended.aborted && performance.now() < untilMs) {
        const over = new AbortController()
        await Promise.race([new Promise<void>((resolve) => { wake = resolve }), sleep(untilMs - performance.now(), undefined, { signal: over.signal }).catch(() => {})])
        over.abort()
      }
      if (ended.aborted) throw new Error(`RabbitMQ is away: what was not done yet stays where it is (${String(ended.reason)})`)
      return waiting.shift()
    },
  }
}
