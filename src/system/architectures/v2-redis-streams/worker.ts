import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Context } from '../../context.ts'
import { counter } from '../../metrics.ts'
import { FIELD, type Entry, type Poison } from './codec.ts'
import { connectPostgres } from './postgres.ts'
import { startProjector } from './projector.ts'
import { closeRedis, connectRedis, DEAD_STREAM, GROUP, isReply, luaScript, STREAM } from './redis.ts'
import { createStore, reasonOf } from './store.ts'

/** Batches being stored at once, each on a connection of its own: while one commits, the other inserts. */
const LANES = 2
const BLOCK_MS = 300
/** Entries that nobody acknowledged for so long are taken over; their consumer is dead or hangs. */
const CLAIM_IDLE_MS = 3_000
const CLAIM_EVERY_MS = 1_000
const RETRY_MS = 100
const DEAD_KEPT = 100_000

type WorkerKnobs = { batch: number; flush: number }

/** Never while entries are pending: deleting a consumer would drop them. */
const LEAVE = `
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local it = {}
  for i = 1, #consumer, 2 do it[consumer[i]] = consumer[i + 1] end
  if it.pending == 0 and (it.name == ARGV[2] or it.idle > 60000) then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], it.name) end
end
return 0
`

/**
 * read (or claim) ──▶ store, two batches at a time ──▶ acknowledge and delete ──▶ projection
 *
 * The next batch is read while the others are stored. An entry leaves the stream only after its transaction committed,
 * so whatever happens in between happens again, and the primary key makes that harmless.
 */
export async function startWorker(context: Context<WorkerKnobs>): Promise<AsyncDisposable> {
  const reader = connectRedis(context, 'worker-reader')
  const writer = connectRedis(context, 'worker-writer')
  // Lanes and projector.
  const pool = connectPostgres(context, 'worker', LANES + 1)
  const projector = startProjector(context, pool, writer)
  const store = createStore(pool, context)
  const inbox = createInbox(context, reader)
  const lanes = new Set<Promise<void>>()
  let stored = 0
  let dead = 0
  counter('lab_events_stored_total', 'Entries stored (or found stored) and acknowledged.', () => stored)
  counter('lab_events_dead_total', 'Entries moved to the dead stream.', () => dead)

  async function handle(entries: Entry[]): Promise<void> {
    try {
      const { done, poison } = await store.store(entries)
      context.failpoint('after-commit')
      projector.changed()
      await acknowledge(writer, done)
      await bury(writer, poison)
      context.failpoint('after-ack')
      stored += done.length
      dead += poison.length
      for (const { entry, reason } of poison) context.log(`entry ${entry.entryId} went to ${DEAD_STREAM}: ${reason}`)
    } catch (error) {
      // Stored or not, the entries are pending still and come back by claiming.
      if (!context.signal.aborted) context.log(`batch of ${entries.length} not acknowledged: ${reasonOf(error)}`)
    } finally {
      inbox.forget(entries)
    }
  }

  async function run(): Promise<void> {
    while (!context.signal.aborted) {
      const entries = await inbox.next()
      if (entries.length === 0) continue
      context.failpoint('after-read')
      while (lanes.size >= LANES) await Promise.race(lanes)
      const lane = handle(entries).finally(() => lanes.delete(lane))
      lanes.add(lane)
    }
  }

  await inbox.open()
  const running = run()
  return {
    async [Symbol.asyncDispose]() {
      await running
      await Promise.all(lanes)
      await projector[Symbol.asyncDispose]()
      await inbox.leave()
      await Promise.all([closeRedis(reader), closeRedis(writer), pool.end()])
    },
  }
}

interface Inbox {
  /** Resolves once the group exists. */
  open(): Promise<void>
  /** A batch; empty when there was nothing for a while, or Redis is away. Never throws. */
  next(): Promise<Entry[]>
  /** Handled, or given back to claiming. */
  forget(entries: readonly Entry[]): void
  leave(): Promise<void>
}

function createInbox(context: Context<WorkerKnobs>, redis: Redis): Inbox {
  const { batch, flush } = context.knobs
  const consumer = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`
  const held = new Set<readonly Entry[]>()
  let claimAtMs = 0
  let cursor = '0-0'
  let away = false

  /** From the first entry: what is in the stream is what nobody has stored and acknowledged yet. */
  async function createGroup(): Promise<void> {
    await redis.xgroup('CREATE', STREAM, GROUP, '0', 'MKSTREAM').catch((error: Error) => {
      if (!error.message.startsWith('BUSYGROUP')) throw error
    })
  }

  async function read(count: number, blockMs: number | undefined): Promise<Entry[]> {
    const reply = blockMs === undefined
      ? await redis.xreadgroupBuffer('GROUP', GROUP, consumer, 'COUNT', count, 'STREAMS', STREAM, '>')
      : await redis.xreadgroupBuffer('GROUP', GROUP, consumer, 'COUNT', count, 'BLOCK', blockMs, 'STREAMS', STREAM, '>')
    return toEntries((reply as [Buffer, RawEntry[]][] | null)?.[0]?.[1] ?? [])
  }

  async function readBatch(): Promise<Entry[]> {
    const entries = await read(batch, BLOCK_MS)
    if (entries.length === 0 || entries.length >= batch || flush === 0) return entries
    await sleep(flush)
    return entries.concat(await read(batch - entries.length, undefined).catch(() => []))
  }

  async function claim(): Promise<Entry[]> {
    const [next, raw] = (await redis.callBuffer('XAUTOCLAIM', STREAM, GROUP, consumer, CLAIM_IDLE_MS, cursor, 'COUNT', batch)) as [Buffer, RawEntry[]]
    // A full answer may not be all: look again before reading on.
    if (raw.length < batch) claimAtMs = performance.now() + CLAIM_EVERY_MS
    cursor = next.toString()
    if (raw.length === 0) return []
    const mine = new Set([...held].flatMap((entries) => entries.map((it) => it.entryId)))
    const entries = toEntries(raw).filter((it) => !mine.has(it.entryId))
    if (entries.length > 0) context.log(`took over ${entries.length} entries that nobody acknowledged for ${CLAIM_IDLE_MS} ms`)
    return entries
  }

  async function next(): Promise<Entry[]> {
    try {
      let entries = performance.now() >= claimAtMs ? await claim() : []
      if (entries.length === 0) entries = await readBatch()
      if (entries.length > 0) held.add(entries)
      away = false
      return entries
    } catch (error) {
      if (isReply(error) && error.message.startsWith('NOGROUP')) {
        context.log('the consumer group is missing: creating it again')
        await createGroup().catch(() => {})
      } else if (!away) {
        away = true
        context.log(`cannot read: ${reasonOf(error)}`)
      }
      await sleep(RETRY_MS)
      return []
    }
  }

  return {
    async open() {
      for (;;) {
        try {
          return await createGroup()
        } catch {
          await sleep(RETRY_MS, undefined, { signal: context.signal })
        }
      }
    },
    next,
    forget: (entries) => void held.delete(entries),
    async leave() {
      await luaScript(redis, LEAVE)([STREAM], [GROUP, consumer]).catch(() => {})
    },
  }
}

type RawEntry = [id: Buffer, fields: Buffer[]]

/** Whatever does not look like ours shows when the record is checked. */
function toEntries(raw: readonly RawEntry[]): Entry[] {
  return raw.map(([entryId, fields]) => ({ entryId: entryId.toString('latin1'), record: fields.length === 2 ? fields[1]! : NO_RECORD }))
}

const NO_RECORD = Buffer.alloc(0)

/** Ids travel once for both: in a MULTI of XACK and XDEL, writing them twice was a tenth of the worker's CPU in a profile. `unpack` has a limit of 8,000. */
const ACKNOWLEDGE = `
for from = 2, #ARGV, 1000 do
  local to = math.min(from + 999, #ARGV)
  redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, from, to))
  redis.call('XDEL', KEYS[1], unpack(ARGV, from, to))
end
return #ARGV - 1
`

/** Acknowledged and deleted together, so that the stream's length is the backlog. */
async function acknowledge(redis: Redis, done: readonly Entry[]): Promise<void> {
  if (done.length > 0) await luaScript(redis, ACKNOWLEDGE)([STREAM], [GROUP, ...done.map((it) => it.entryId)])
}

/** Kept with the reason, acknowledged and deleted in one transaction, so that it happens once. */
async function bury(redis: Redis, poison: readonly Poison[]): Promise<void> {
  if (poison.length === 0) return
  const transaction = redis.multi()
  for (const { entry, reason } of poison) {
    transaction.xadd(DEAD_STREAM, 'MAXLEN', '~', DEAD_KEPT, '*', FIELD, entry.record, 'entry', entry.entryId, 'reason', reason)
    transaction.xack(STREAM, GROUP, entry.entryId)
    transaction.xdel(STREAM, entry.entryId)
  }
  const replies = await transaction.exec()
  const failed = replies?.find(([error]) => error !== null)
  if (replies === null || failed) throw failed?.[0] ?? new Error('Redis discarded the acknowledgement')
}
