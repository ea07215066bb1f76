/** Pure: what was measured against what must come out. */
import { parseOrderId } from '../load/order-id.ts'
import { scheduleOf } from '../load/pacer.ts'
import type { LoadPlan } from '../load/control.ts'
import { percentileMs, type Histogram } from '../measure/histogram.ts'
import { FATE_NAMES, NEVER_SENT, OK, REJECTED, UNKNOWN, type Fate } from '../measure/ledger.ts'
import type { Seen } from './behaviours.ts'
import type { Evidence } from './evidence.ts'

export interface Check {
  /** What is looked at. */
  says: string
  /** With the tolerance. */
  expected: string
  measured: string
  ok: boolean
}

export function same(says: string, expected: number | string, measured: number | string): Check {
  return { says, expected: String(expected), measured: String(measured), ok: expected === measured }
}

/** `measured` in [expected − below, expected + above]. */
export function within(says: string, expected: number, measured: number, below: number, above: number, unit = 'ms'): Check {
  const tolerance = below === above ? `± ${round(above)}` : `− ${round(below)} + ${round(above)}`
  const ok = measured >= expected - below && measured <= expected + above
  return { says, expected: `${round(expected)} ${tolerance} ${unit}`, measured: `${round(measured)} ${unit}`, ok }
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}

/** Holds for every load, whatever the server did. */
export function accountingChecks(evidence: Evidence, seen: readonly Seen[], mayDisbelieve = false): Check[] {
  const { events } = evidence.last
  const ledgerCounts: Record<Fate, number> = [0, 0, 0, 0]
  for (const { events: count, fates } of evidence.ledger.values()) for (let i = 0; i < count; i++) ledgerCounts[fates.get(i)]++
  return [
    same('snapshots in which the counts do not add up', 0, evidence.unbalanced),
    same('events still in flight at the end', 0, events.inFlight),
    same(
      'ledger: never sent, unknown, ok, rejected',
      [events.neverSent, events.unknown, events.ok, events.rejected].join(', '),
      [NEVER_SENT, UNKNOWN, OK, REJECTED].map((fate) => ledgerCounts[fate as Fate]).join(', '),
    ),
    same("events whose fate differs from the server's own log", 'none', disagreements(evidence, seen, mayDisbelieve)),
  ]
}

/** The fate that the server's log implies. What it never saw may have been written to a socket that was just closing. */
export function impliedFates({ atMs, answers }: Pick<Seen, 'atMs' | 'answers'>): readonly Fate[] {
  if (atMs.length === 0) return [NEVER_SENT, UNKNOWN]
  if (answers.some((status) => status >= 200 && status < 300)) return [OK]
  const sure = answers.length === atMs.length && answers.every((status) => status === 503 || (status >= 400 && status < 500))
  return sure ? [REJECTED] : [UNKNOWN]
}

/** `none`, or how many and the first one. */
export function disagreements(evidence: Pick<Evidence, 'ledger' | 'plan'>, seen: readonly Seen[], mayDisbelieve = false): string {
  const wrong: string[] = []
  const bySource = new Map<number, Map<number, Seen>>()
  for (const entry of seen) {
    const id = parseOrderId(entry.id)
    const held = id && evidence.ledger.get(id.source)
    if (!held || id.sequence >= held.events || id.runTag !== evidence.plan.runTag) wrong.push(`${entry.id} received, but not in the ledger`)
    else if (id.timeMs !== held.timesMs[id.sequence]) {
      wrong.push(`${entry.id}: time ${id.timeMs} in the id, ${held.timesMs[id.sequence]} in the ledger`)
    } else bySource.set(id.source, (bySource.get(id.source) ?? new Map<number, Seen>()).set(id.sequence, entry))
  }
  for (const [source, { events, fates }] of evidence.ledger) {
    for (let sequence = 0; sequence < events; sequence++) {
      const entry = bySource.get(source)?.get(sequence)
      const implied = impliedFates(entry ?? { atMs: [], answers: [] })
      const fate = fates.get(sequence)
      if (implied.includes(fate) || (mayDisbelieve && fate === UNKNOWN)) continue
      wrong.push(`source ${source} event ${sequence}: ${FATE_NAMES[fate]}, the server answered [${entry?.answers.join(' ') ?? ''}]`)
    }
  }
  return wrong.length === 0 ? 'none' : `${wrong.length}, first: ${wrong[0]}`
}

/** Arrivals that the plan's schedule holds. */
export function arrivalsOf(plan: LoadPlan): number {
  let count = 0
  for (const schedule = scheduleOf(plan.phases, plan.seed); schedule.nextUs < Infinity; schedule.take()) count++
  return count
}

/** Latencies in ms, ascending, if all that arrives during a stall is answered at its end and everything else at once. */
export function stallLatenciesMs(plan: LoadPlan, fromMs: number, toMs: number): number[] {
  const latencies: number[] = []
  for (const schedule = scheduleOf(plan.phases, plan.seed); schedule.nextUs < Infinity; schedule.take()) {
    const atMs = plan.startAtMs + schedule.nextUs / 1000
    latencies.push(atMs >= fromMs && atMs < toMs ? toMs - atMs : 0)
  }
  return latencies.sort((a, b) => a - b)
}

/** Each percentile of the histogram against the same one (nearest rank) of the known latencies. */
export function percentileChecks(
  says: string, histogram: Histogram, knownMs: readonly number[], percentiles: readonly number[], toleranceMs: number,
): Check[] {
  return percentiles.map((percentile) => {
    const known = knownMs[Math.max(0, Math.ceil((percentile / 100) * knownMs.length) - 1)] ?? NaN
    return within(`${says} p${percentile}`, known, percentileMs(histogram, percentile), toleranceMs, toleranceMs)
  })
}

/** Little's law: requests open on sockets, counted there, against send rate × mean time on the socket. Share of the expected. */
export function littleCheck({ sums }: Pick<Evidence, 'sums'>, durationMs: number, tolerance: number): Check {
  const counted = sums.inFlightSum / sums.inFlightSamples
  const computed = (sums.sends / (durationMs * 1000)) * (sums.serviceSumUs / sums.serviceCount)
  const margin = computed * tolerance
  return within("Little's law: open on sockets against rate × service time", computed, counted, margin, margin, 'requests')
}
