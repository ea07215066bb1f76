import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Context } from '../../context.ts'
import { reasonOf } from '../../reason.ts'
import { isReply, luaScript } from '../../redis.ts'
import { MAX_ENTRY_RECORDS, recordsIn, type Entry } from './codec.ts'
import { GROUP, STREAM } from './names.ts'

const BLOCK_MS = 300
/** Entries that nobody acknowledged for so long are taken over; their consumer is dead or hangs. */
const CLAIM_IDLE_MS = 3_000
const CLAIM_EVERY_MS = 1_000
const RETRY_MS = 100
/** Entries a command brings, at most: should all of them be full, the 125,000 events are stored before others would take them over. */
const MAX_ENTRIES_A_READ = 500
/** Batches that are read together when there are so many, so that a batch is full whatever its entries hold. */
const READ_AHEAD = 2

/** Never while entries are pending: deleting a consumer would drop them. */
const LEAVE = `
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local it = {}
  for i = 1, #consumer, 2 do it[consumer[i]] = consumer[i + 1] end
  if it.pending == 0 and (it.name == ARGV[2] or it.idle > 60000) then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], it.name) end
end
return 0
`

/** What one worker has read and not handled yet. */
export interface Inbox {
  /** Resolves once the group exists. */
  open(): Promise<void>
  /**
   * Entries of at most `batch` events, or a single one that has more; empty when there was nothing for a while, or Redis is away.
   * Once the process is asked to stop, what was read before, then nothing. Never throws.
   */
  next(): Promise<Entry[]>
  /** Handled, or given back to claiming. */
  forget(entries: readonly Entry[]): void
  leave(): Promise<void>
}

/** Redis counts entries where a batch counts events: how many entries will hold `room` events, at so many records each as the last ones had. */
export function entriesFor(room: number, recordsPerEntry: number): number {
  return Math.min(MAX_ENTRIES_A_READ, Math.max(1, Math.ceil(room / recordsPerEntry)))
}

/** How many entries from the front make a batch: whole ones of at most `batch` events together, or one that has more. */
export function entriesInBatch(waiting: readonly Entry[], batch: number): number {
  let events = 0
  for (const [i, entry] of waiting.entries()) {
    events += recordsIn(entry)
    if (i > 0 && events > batch) return i
  }
  return waiting.length
}

export function createInbox(context: Context<{ batch: number; flush: number }>, redis: Redis): Inbox {
  const { batch, flush } = context.knobs
  const consumer = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`
  /** Read, and not handed out. */
  const waiting: Entry[] = []
  let waitingEvents = 0
  /** Waiting or handed out: ours, however long it takes. */
  const held = new Set<string>()
  let recordsPerEntry = MAX_ENTRY_RECORDS
  let claimAtMs = 0
  let cursor = '0-0'
  let away = false

  /** From the first entry: what is in the stream is what nobody has stored and acknowledged yet. */
  async function createGroup(): Promise<void> {
    await redis.xgroup('CREATE', STREAM, GROUP, '0', 'MKSTREAM').catch((error: Error) => {
      if (!error.message.startsWith('BUSYGROUP')) throw error
    })
  }

  function take(entries: readonly Entry[]): void {
    const readMs = context.tracer?.nowMs()
    for (const entry of entries) {
      if (readMs !== undefined) entry.readMs = readMs
      held.add(entry.entryId)
      waiting.push(entry)
      waitingEvents += recordsIn(entry)
    }
  }

  function handOut(): Entry[] {
    const entries = waiting.splice(0, entriesInBatch(waiting, batch))
    for (const entry of entries) waitingEvents -= recordsIn(entry)
    return entries
  }

  /** Returns whether there may be more: as many came as were asked for. */
  async function read(blockMs?: number): Promise<boolean> {
    const count = entriesFor(READ_AHEAD * batch - waitingEvents, recordsPerEntry)
    const reply = blockMs === undefined
      ? await redis.xreadgroupBuffer('GROUP', GROUP, consumer, 'COUNT', count, 'STREAMS', STREAM, '>')
      : await redis.xreadgroupBuffer('GROUP', GROUP, consumer, 'COUNT', count, 'BLOCK', blockMs, 'STREAMS', STREAM, '>')
    const entries = toEntries((reply as [Buffer, RawEntry[]][] | null)?.[0]?.[1] ?? [])
    take(entries)
    if (entries.length > 0) recordsPerEntry = Math.max(1, entries.reduce((sum, it) => sum + recordsIn(it), 0) / entries.length)
    return entries.length === count
  }

  async function fill(): Promise<void> {
    let more = await read(waiting.length === 0 ? BLOCK_MS : undefined)
    while (more && waitingEvents < batch) more = await read()
    if (flush === 0 || waiting.length === 0 || waitingEvents >= batch) return
    await sleep(flush)
    await read()
  }

  async function claim(): Promise<void> {
    const count = entriesFor(batch, recordsPerEntry)
    const [next, raw] = (await redis.callBuffer('XAUTOCLAIM', STREAM, GROUP, consumer, CLAIM_IDLE_MS, cursor, 'COUNT', count)) as [Buffer, RawEntry[]]
    // A full answer may not be all: look again before reading on.
    if (raw.length < count) claimAtMs = performance.now() + CLAIM_EVERY_MS
    cursor = next.toString()
    const entries = toEntries(raw).filter((it) => !held.has(it.entryId))
    take(entries)
    if (entries.length > 0) context.log(`took over ${entries.length} entries that nobody acknowledged for ${CLAIM_IDLE_MS} ms`)
  }

  async function next(): Promise<Entry[]> {
    try {
      if (waitingEvents < batch && !context.signal.aborted) {
        if (performance.now() >= claimAtMs) await claim()
        await fill()
        away = false
      }
    } catch (error) {
      if (isReply(error) && error.message.startsWith('NOGROUP')) {
        context.log('the consumer group is missing: creating it again')
        await createGroup().catch(() => {})
      } else if (!away) {
        away = true
        context.log(`cannot read: ${reasonOf(error)}`)
      }
      if (waiting.length === 0) await sleep(RETRY_MS)
    }
    return handOut()
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
    forget: (entries) => entries.forEach((it) => held.delete(it.entryId)),
    async leave() {
      await luaScript(redis, LEAVE)([STREAM], [GROUP, consumer]).catch(() => {})
    },
  }
}

type RawEntry = [id: Buffer, fields: Buffer[]]

/** Whatever does not look like ours shows when the records are checked. */
function toEntries(raw: readonly RawEntry[]): Entry[] {
  return raw.map(([entryId, fields]) => ({ entryId: entryId.toString('latin1'), records: fields.length === 2 ? fields[1]! : NO_RECORDS }))
}

const NO_RECORDS = Buffer.alloc(0)
