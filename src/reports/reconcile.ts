import type { Percentiles } from '../run/events.ts'
import { orderBody } from '../load/customers.ts'
import { orderIdWriter, parseOrderId } from '../load/order-id.ts'
import { newHistogram, percentilesMs, recordUs } from '../measure/histogram.ts'
import type { Ledger } from '../measure/ledger-file.ts'
import { NEVER_SENT, OK, REJECTED, UNKNOWN } from '../measure/ledger.ts'
import type { Dashboard } from '../system/dashboard.ts'
import type { StoredOrder } from '../system/event.ts'
import { expectNothing, expectOrder } from './expected.ts'
import { arrivalCurve } from './freshness.ts'
import { miscounts, type Miscount } from './miscount.ts'

/** What became of every event, from one pass over the stored rows. Numbers of events unless said otherwise. */
export interface Accounting {
  scheduled: number
  ok: number
  rejected: number
  unknown: number
  neverSent: number
  /** Distinct events of this run found in the store. */
  stored: number
  lost: number
  duplicated: number
  phantom: number
  unexpected: number
  altered: number
  recovered: number
  /** Dashboard figures that differ from what follows from the stored ids. */
  miscounted: Miscount[]
  /** The first of each kind, at most {@link EXAMPLES}. */
  examples: Record<Wrong, string[]>
  /** Persistence lag of every stored event: the store's own insert time minus the id's time. */
  persistedLagMs?: Percentiles
  /** Stored events by intended time against the counts a subscriber received. */
  freshnessMs?: Percentiles
  /** Stored events that no subscriber's count ever included. */
  neverVisible: number
}

export const WRONGS = ['lost', 'duplicated', 'phantom', 'unexpected', 'altered'] as const
export type Wrong = (typeof WRONGS)[number]
export const EXAMPLES = 20

export interface ReconcileInput {
  seed: number
  runTag: number
  ledger: Ledger
  /** Intended times of the events to be named, ms since the epoch, by source and sequence. */
  timesOf(wanted: Iterable<{ source: number; sequence: number }>): Promise<Map<number, Map<number, number>>>
  persisted: AsyncIterable<StoredOrder[]>
  dashboard: Dashboard
  /** What a subscriber received: [ms since the epoch, count]. */
  seen: readonly (readonly [atMs: number, count: number])[]
  loadFromMs: number
  loadToMs: number
  onProgress?(rows: number): void
  /** Looked at once a batch. */
  signal?: AbortSignal
}

/**
 * Matches every stored row with the ledger, once, in constant memory: two bits an event for the ledger, one for
 * "seen", and no list of rows. Knows nothing of how the system counts.
 */
export async function reconcile(input: ReconcileInput): Promise<Accounting> {
  const { ledger } = input
  const accounting = countFates(ledger)
  const seen = new Map(ledger.sources.map((source) => [source, new Uint8Array(Math.ceil(ledger.events(source) / 8))]))
  const totals = expectNothing()
  const curve = arrivalCurve(input.loadFromMs, input.loadToMs)
  const lag = newHistogram()
  const wrong = (kind: Wrong, id: string) => {
    accounting[kind] += 1
    if (accounting.examples[kind].length < EXAMPLES) accounting.examples[kind].push(id)
  }

  let rows = 0
  for await (const batch of input.persisted) {
    input.signal?.throwIfAborted()
    for (const row of batch) {
      const parts = parseOrderId(row.id)
      const bits = parts?.runTag === input.runTag ? seen.get(parts.source) : undefined
      if (parts === undefined || bits === undefined || parts.sequence >= ledger.events(parts.source)) {
        wrong('unexpected', row.id)
        expectOrder(totals, row)
        continue
      }
      const byte = parts.sequence >>> 3
      const bit = 1 << (parts.sequence & 7)
      if ((bits[byte]! & bit) !== 0) {
        wrong('duplicated', row.id)
        continue
      }
      bits[byte]! |= bit
      accounting.stored += 1
      const fate = ledger.fate(parts.source, parts.sequence)
      if (fate === REJECTED) wrong('phantom', row.id)
      else if (fate === UNKNOWN) accounting.recovered += 1
      else if (fate === NEVER_SENT) wrong('unexpected', row.id)
      const sent = orderBody(input.seed, row.id, parts)
      if (differs(sent, row)) wrong('altered', row.id)
      expectOrder(totals, sent)
      curve.add(parts.timeMs)
      recordUs(lag, (row.persistedAtMs - parts.timeMs) * 1_000)
    }
    rows += batch.length
    input.onProgress?.(rows)
  }

  await nameLost(accounting, input, seen)
  accounting.miscounted = miscounts(totals, input.dashboard)
  accounting.persistedLagMs = percentilesMs(lag)
  const freshness = newHistogram()
  accounting.neverVisible = curve.against(input.seen, (ms, events) => recordUs(freshness, ms * 1_000, events))
  accounting.freshnessMs = percentilesMs(freshness)
  return accounting
}

/** Nothing lost, doubled, invented, changed or miscounted. */
export function isExact(accounting: Accounting): boolean {
  return WRONGS.every((kind) => accounting[kind] === 0) && accounting.miscounted.length === 0
}

function countFates(ledger: Ledger): Accounting {
  const counts = ledger.counts()
  return {
    scheduled: counts[NEVER_SENT] + counts[UNKNOWN] + counts[OK] + counts[REJECTED],
    ok: counts[OK],
    rejected: counts[REJECTED],
    unknown: counts[UNKNOWN],
    neverSent: counts[NEVER_SENT],
    stored: 0,
    lost: 0,
    duplicated: 0,
    phantom: 0,
    unexpected: 0,
    altered: 0,
    recovered: 0,
    miscounted: [],
    examples: { lost: [], duplicated: [], phantom: [], unexpected: [], altered: [] },
    neverVisible: 0,
  }
}

async function nameLost(accounting: Accounting, input: ReconcileInput, seen: ReadonlyMap<number, Uint8Array>): Promise<void> {
  const missing: { source: number; sequence: number }[] = []
  for (const [source, bits] of seen) {
    for (let sequence = 0; sequence < input.ledger.events(source); sequence++) {
      if (input.ledger.fate(source, sequence) !== OK || (bits[sequence >>> 3]! & (1 << (sequence & 7))) !== 0) continue
      accounting.lost += 1
      if (missing.length < EXAMPLES) missing.push({ source, sequence })
    }
  }
  if (missing.length === 0) return
  const times = await input.timesOf(missing)
  accounting.examples.lost = missing.map(({ source, sequence }) => {
    const timeMs = times.get(source)?.get(sequence)
    return timeMs === undefined ? `source ${source}, sequence ${sequence}` : orderIdWriter(input.runTag, source)(timeMs, sequence)
  })
}

function differs(sent: Omit<StoredOrder, 'persistedAtMs'>, stored: StoredOrder): boolean {
  return (
    sent.type !== stored.type ||
    sent.store !== stored.store ||
    sent.product !== stored.product ||
    sent.amountCents !== stored.amountCents ||
    sent.timestampMs !== stored.timestampMs
  )
}
