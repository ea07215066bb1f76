import type { EachBatchPayload, KafkaMessage } from 'kafkajs'
import type { Context } from '../../../context.ts'
import type { CommittedOffset } from '../../../kafka/offsets.ts'
import { RECORD_BYTES } from '../../../record.ts'
import type { Shown, SpeedWriter } from '../speed/writer.ts'
import type { Store } from '../store.ts'
import { readNote, writeNote, type CutNote } from './cut-note.ts'
import { rememberReads } from './reads.ts'
import { whyNoOrder, type DeadRecord, type DeadTopic } from './dead-letters.ts'
import type { Figures } from './figures.ts'
import type { Membership } from './group.ts'
import { createSeen, upperTimeOf, uuidAt } from './seen.ts'
import { createTail, type Cut } from './tail.ts'

/** Ids that claim to be from later than this are asked for in the store: a clock here would not have given them. */
const AHEAD_MS = 24 * 3_600_000
/** After so long what is later is asked about anew. */
const RENEW_AFTER_MS = AHEAD_MS / 2

/** What all partitions of a consumer share. */
export interface Parts {
  context: Context<{ batch: number }>
  store: Store
  speed: SpeedWriter
  dead: DeadTopic
  figures: Figures
  /** Ids a partition remembers; see seen.ts. */
  held?: number
}

/** One partition while it is ours: from a rebalance to the next. */
export interface Tenure {
  readonly partition: number
  /** Nobody has told otherwise. */
  active(): boolean
  position(): number
  /** Not stored. */
  orders(): number
  /** Is a cut whole, so that nothing is gained by waiting? */
  whole(): boolean
  /** Since when something that was read waits; undefined: nothing does. */
  waitingSinceMs(): number | undefined
  /** Rejects when the store cannot say which of them have come before: nothing was taken then. */
  take(batch: EachBatchPayload['batch']): Promise<void>
  /** There are no orders at these offsets. */
  passed(first: number, to: number): void
  /** Stores the first cut. Rejects when that failed, or the partition is ours no more: it can be called again. */
  storeNext(): Promise<void>
  shown(): Shown
}

/** Takes a partition over where its committed offset is. Rejects when one of those that must be asked is away. */
export async function beginTenure(parts: Parts, membership: Membership, partition: number): Promise<Tenure> {
  const { context, store, speed, dead, figures } = parts
  const generation = await membership.generation()
  const [committed, ends, reachedBy] = await Promise.all([membership.committed(), membership.ends(), store.reached()])
  const { from, note } = whereToBegin(partition, committed.get(partition), reachedBy.get(partition) ?? 0, ends.get(partition) ?? 0)
  if (from > (committed.get(partition)?.offset ?? 0)) await membership.commit(partition, from, '')
  const ceilingMs = Date.now() + AHEAD_MS
  const newest = await store.newest(partition, from, uuidAt(ceilingMs))
  const boundaries = await speed.claim(partition, generation, from, note?.to)
  const seen = createSeen(upperTimeOf(newest), ceilingMs, parts.held)
  const tail = createTail({ from, note, boundaries, batch: context.knobs.batch, seen })
  let reached = Math.min(reachedBy.get(partition) ?? 0, from)
  let sinceMs: number | undefined
  let renewMs = performance.now() + RENEW_AFTER_MS
  let poison: DeadRecord[] = []
  const reads = context.tracer && rememberReads(context.tracer)

  const shown = (): Shown => ({
    partition, generation, stored: tail.storedUpTo(), reached,
    buckets: tail.unstored().map(({ from: begin, to, tallies }) => ({ from: begin, to, sums: tallies })),
  })

  /** Checked before each step: after a pause of the process somebody else may have gone on from here long ago. */
  function mustBeOurs(): void {
    if (!membership.alive()) throw new Error(`partition ${partition} is not ours any more, or the group has not heard from us for too long`)
  }

  async function renew(): Promise<void> {
    const laterMs = Date.now() + AHEAD_MS
    seen.widen(laterMs)
    seen.trust(upperTimeOf(await store.newest(partition, tail.storedUpTo(), uuidAt(laterMs))))
    renewMs = performance.now() + RENEW_AFTER_MS
  }

  /** Returns how far it came: to the first one for which the store must be asked, or to the end. */
  function takeWhileKnown(messages: readonly KafkaMessage[], first: number, asked?: ReadonlyMap<string, boolean>): number {
    for (let i = first; i < messages.length; i++) {
      const { offset: text, value } = messages[i]!
      const offset = Number(text)
      if (offset < tail.position()) continue
      const outcome = tail.take(offset, value, asked)
      if (outcome === 'ask') return i
      if (outcome === 'duplicate') figures.duplicates += 1
      // What somebody before us has written down was put aside before.
      if (outcome === 'poison' && offset >= (note?.to ?? 0)) poison.push({ partition, offset, value, reason: whyNoOrder(value, RECORD_BYTES) })
    }
    return messages.length
  }

  async function insert(cut: Cut): Promise<void> {
    mustBeOurs()
    // Once it has been written down, and not before: nobody else would know of it.
    if (!cut.again) await membership.commit(partition, cut.from, writeNote(cut))
    context.failpoint('after-cut')
    mustBeOurs()
    const { again } = cut
    cut.again = true
    const startMs = performance.now()
    const beganMs = context.tracer?.nowMs()
    await store.insert({ partition, from: cut.from, to: cut.to, token: cut.token, records: cut.records }, { again })
    figures.inserted(cut.orders, performance.now() - startMs)
    if (beganMs !== undefined) context.tracer!.stored(reads!.of(cut.records, beganMs), beganMs, cut.orders)
    context.failpoint('after-insert')
  }

  return {
    partition,
    active: membership.active,
    position: tail.position,
    orders: tail.unstoredOrders,
    whole: () => tail.next() !== undefined,
    waitingSinceMs: () => sinceMs,
    shown,
    async take(batch) {
      if (performance.now() >= renewMs) await renew()
      const { messages } = batch
      reads?.read(messages)
      let next = takeWhileKnown(messages, 0)
      while (next < messages.length) {
        const strangers = tail.strangers(messages.slice(next).map(({ value }) => value))
        const stored = await store.known(partition, strangers, tail.storedUpTo())
        if (!membership.active()) return
        figures.asked += strangers.length
        next = takeWhileKnown(messages, next, new Map(strangers.map((id) => [id, stored.has(id)])))
      }
      tail.advance(Number(batch.lastOffset()) + 1)
      figures.lag.set(partition, Math.max(0, Number(batch.highWatermark) - tail.position()))
      sinceMs ??= performance.now()
    },
    passed(first, to) {
      // Of what was fetched before this tenure began it says nothing.
      if (first > tail.position() || to <= tail.position()) return
      tail.advance(to)
      sinceMs ??= performance.now()
    },
    async storeNext() {
      if (tail.next() === undefined) {
        tail.close()
        sinceMs = undefined
      }
      const cut = tail.next()
      if (cut === undefined) return
      const aside = poison.filter((it) => it.offset < cut.to)
      await dead.put(aside)
      figures.dead += aside.length
      poison = poison.filter((it) => it.offset >= cut.to)
      // As a whole before it is stored, so that there is no moment in which a part of it is in neither layer.
      await speed.show([shown()], Date.now())
      context.failpoint('after-bucket')
      if (cut.orders > 0) await insert(cut)
      mustBeOurs()
      await membership.commit(partition, cut.to, '')
      context.failpoint('after-commit')
      if (cut.orders > 0) reached = cut.to
      tail.stored(cut)
      if (tail.unstored().length === 0) sinceMs = undefined
      else sinceMs ??= performance.now()
    },
  }
}

/**
 * Normally the committed offset. Where that is behind what is stored (the group was reset, or its offsets are kept no more) it says nothing: what
 * is stored is, as cuts are inserted one after the other, everything up to the end of the last one. Pure.
 * @throws when the topic ends before what is stored: it is another one than that of which ClickHouse has the orders
 */
export function whereToBegin(
  partition: number, committed: CommittedOffset | undefined, reached: number, end: number,
): { from: number; note: CutNote | undefined } {
  const done = Math.max(reached, committed?.offset ?? 0)
  if (end < done) {
    const why = 'the topic was made anew, or Kafka has lost its end; begin with an empty ClickHouse as well'
    throw new Error(`partition ${partition} of the topic ends at ${end}, and up to ${done} is stored or committed: ${why}`)
  }
  const note = readNote(committed?.metadata ?? '')
  const from = committed?.offset ?? 0
  return reached > (note?.to ?? from) ? { from: reached, note: undefined } : { from, note }
}
