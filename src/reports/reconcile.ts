import type { Percentiles } from '../run/events.ts'
import { orderBody } from '../load/customers.ts'
import { HISTORY_TAG, placeInHistory, type History } from '../load/history.ts'
import { orderIdWriter, parseOrderId } from '../load/order-id.ts'
import { newHistogram, percentilesMs, recordUs } from '../measure/histogram.ts'
import type { DueStretch, Ledger } from '../measure/ledger-file.ts'
import { NEVER_SENT, OK, REJECTED, UNKNOWN } from '../measure/ledger.ts'
import type { Dashboard } from '../system/dashboard.ts'
import type { StoredOrder } from '../system/event.ts'
import type { AllowedLoss, LossWindow } from './allowed-loss.ts'
import { countByFault, type ByFault, type FaultAccounting } from './by-fault.ts'
import type { Belonging } from './belonging.ts'
import { watchBorders, type Borders } from './borders.ts'
import { expectNothing, expectOrder } from './expected.ts'
import { arrivalCurve } from './freshness.ts'
import { differs, HISTORY_WRONGS, historyLedger, type HistoryAccounting } from './history.ts'
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
  /** Of these, such as were due while the guarantee allows loss. */
  lostExcused: number
  /** When that was, if ever. */
  lossWindows?: LossWindow[]
  duplicated: number
  phantom: number
  unexpected: number
  altered: number
  recovered: number
  /** Rows that belong to somebody else than who sent the event; absent where events belong to nobody in particular. */
  leaked?: number
  /** Rows that somebody stored on purpose who is no part of the load; in none of the numbers above. */
  guests?: number
  /** Dashboard figures that differ from what follows from the stored ids. */
  miscounted: Miscount[]
  /** The first of each kind, at most {@link EXAMPLES}. */
  examples: Record<Wrong, string[]> & { leaked?: string[] }
  /** Persistence lag of every stored event: the store's own insert time minus the id's time. */
  persistedLagMs?: Percentiles
  /** Stored events by intended time against the counts a subscriber received. */
  freshnessMs?: Percentiles
  /** Stored events that no subscriber's count ever included. */
  neverVisible: number
  /** The same by fault, in their order: of events due around each. */
  byFault?: FaultAccounting[]
  /** Orders from before the run, which none of the numbers above include. */
  history?: HistoryAccounting
}

export const WRONGS = ['lost', 'duplicated', 'phantom', 'unexpected', 'altered'] as const
export type Wrong = (typeof WRONGS)[number]
export const EXAMPLES = 20

export interface ReconcileInput {
  seed: number
  runTag: number
  /** What was written before the load. */
  history?: History
  ledger: Ledger
  /** Absent: events belong to nobody in particular. */
  belonging?: Belonging
  /** Intended times of the events to be named, ms since the epoch, by source and sequence. */
  timesOf(wanted: Iterable<{ source: number; sequence: number }>): Promise<Map<number, Map<number, number>>>
  /** What the guarantee lets be missing; absent: nothing. */
  allowed?: AllowedLoss
  /** Which events were due in these stretches, as [from, to) of sequences: by source, in the order of the windows. */
  sequencesIn?(windows: readonly DueStretch[]): Promise<Map<number, [number, number][]>>
  /** To be counted apart as well: events due around each fault. */
  aroundFaults?: readonly DueStretch[]
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
 * "seen", another once something leaked, and no list of rows. Knows nothing of how the system counts.
 */
export async function reconcile(input: ReconcileInput): Promise<Accounting> {
  const { ledger } = input
  const accounting = countFates(ledger)
  const seen = new Map(ledger.sources.map((source) => [source, new Uint8Array(Math.ceil(ledger.events(source) / 8))]))
  const borders = input.belonging && watchBorders(input.belonging, EXAMPLES)
  const totals = expectNothing()
  const curve = arrivalCurve(input.loadFromMs, input.loadToMs)
  const lag = newHistogram()
  const wrong = (kind: Wrong, id: string) => {
    accounting[kind] += 1
    if (accounting.examples[kind].length < EXAMPLES) accounting.examples[kind].push(id)
  }

  const byFault = countByFault(input.aroundFaults ?? [])
  const past = input.history && historyLedger(input.history, EXAMPLES)
  let rows = 0
  for await (const batch of input.persisted) {
    input.signal?.throwIfAborted()
    for (const row of batch) {
      const parts = parseOrderId(row.id)
      if (past !== undefined && parts?.runTag === HISTORY_TAG) {
        const isElsewhere = placeInHistory(input.history!, parts) >= 0 && borders?.isCrossed(row, parts, 'history')
        if (isElsewhere) {
          past.takeElsewhere(parts)
          expectOrder(totals, row)
          continue
        }
        const written = past.take(row, parts)
        if (written === 'unexpected') wrong('unexpected', row.id)
        if (written !== 'again') expectOrder(totals, written === 'unexpected' ? row : written)
        continue
      }
      const bits = parts?.runTag === input.runTag ? seen.get(parts.source) : undefined
      if (parts === undefined || bits === undefined || parts.sequence >= ledger.events(parts.source)) {
        if (!borders?.isGuest(row)) wrong('unexpected', row.id)
        expectOrder(totals, row)
        continue
      }
      if (borders?.isCrossed(row, parts, 'run')) {
        expectOrder(totals, row)
        continue
      }
      const byte = parts.sequence >>> 3
      const bit = 1 << (parts.sequence & 7)
      if ((bits[byte]! & bit) !== 0) {
        wrong('duplicated', row.id)
        byFault.count('duplicated', parts.timeMs)
        continue
      }
      bits[byte]! |= bit
      accounting.stored += 1
      const fate = ledger.fate(parts.source, parts.sequence)
      if (fate === REJECTED) {
        wrong('phantom', row.id)
        byFault.count('phantom', parts.timeMs)
      } else if (fate === UNKNOWN) {
        accounting.recovered += 1
        byFault.count('recovered', parts.timeMs)
      } else if (fate === NEVER_SENT) wrong('unexpected', row.id)
      const sent = orderBody(input.seed, row.id, parts)
      if (differs(sent, row)) wrong('altered', row.id)
      expectOrder(totals, sent)
      curve.add(parts.timeMs)
      input.allowed?.add(parts.timeMs, row.persistedAtMs)
      recordUs(lag, (row.persistedAtMs - parts.timeMs) * 1_000)
    }
    rows += batch.length
    input.onProgress?.(rows)
  }

  await nameLost(accounting, input, seen, borders, byFault)
  if (byFault.all.length > 0) accounting.byFault = byFault.all
  borders?.tell(accounting)
  accounting.history = past?.account()
  accounting.miscounted = miscounts(totals, input.dashboard)
  accounting.persistedLagMs = percentilesMs(lag)
  const freshness = newHistogram()
  accounting.neverVisible = curve.against(input.seen, (ms, events) => recordUs(freshness, ms * 1_000, events), accounting.history?.stored)
  accounting.freshnessMs = percentilesMs(freshness)
  return accounting
}

/** Nothing lost, doubled, invented, changed or miscounted. */
export function isExact(accounting: Accounting): boolean {
  const past = accounting.history
  return WRONGS.every((kind) => accounting[kind] === 0) && (accounting.leaked ?? 0) === 0 && accounting.miscounted.length === 0 && HISTORY_WRONGS.every((kind) => (past?.[kind] ?? 0) === 0)
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
    lostExcused: 0,
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

interface Missing {
  source: number
  sequence: number
}

async function nameLost(accounting: Accounting, input: ReconcileInput, seen: ReadonlyMap<number, Uint8Array>, borders: Borders | undefined, byFault: ByFault): Promise<void> {
  const missing: Missing[] = []
  const excused: Missing[] = []
  const windows = input.allowed?.windows() ?? []
  const stretches = [...windows, ...(input.aroundFaults ?? [])]
  const due = stretches.length > 0 ? await input.sequencesIn?.(stretches) : undefined
  if (windows.length > 0) accounting.lossWindows = windows
  for (const [source, bits] of seen) {
    const ranges = due?.get(source) ?? []
    const within = (sequence: number, [from, to]: [number, number]) => sequence >= from && sequence < to
    const excusing = ranges.slice(0, windows.length)
    const faulty = ranges.slice(windows.length)
    for (let sequence = 0; sequence < input.ledger.events(source); sequence++) {
      if (input.ledger.fate(source, sequence) !== OK || (bits[sequence >>> 3]! & (1 << (sequence & 7))) !== 0) continue
      if (borders?.isElsewhere(source, sequence)) continue
      accounting.lost += 1
      const isExcused = excusing.some((range) => within(sequence, range))
      byFault.add('lost', faulty.findIndex((range) => within(sequence, range)))
      if (isExcused) accounting.lostExcused += 1
      const examples = isExcused ? excused : missing
      if (examples.length < EXAMPLES) examples.push({ source, sequence })
    }
  }
  // What is not excused is what one wants to know.
  const named = [...missing, ...excused].slice(0, EXAMPLES)
  if (named.length === 0) return
  const times = await input.timesOf(named)
  accounting.examples.lost = named.map(({ source, sequence }) => {
    const timeMs = times.get(source)?.get(sequence)
    return timeMs === undefined ? `source ${source}, sequence ${sequence}` : orderIdWriter(input.runTag, source)(timeMs, sequence)
  })
}
