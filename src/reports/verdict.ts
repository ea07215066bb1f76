import { EXIT } from '../run/errors.ts'
import type { Counts } from '../load/control.ts'
import type { ExpectationResult, Verdict } from '../run/events.ts'
import type { Expectation } from '../scenarios/scenario.ts'
import { percentilesMs } from '../measure/histogram.ts'
import type { Series } from '../run/series.ts'
import { backlogGrowth } from './backlog.ts'
import { deathSentences } from './deaths.ts'
import { historyFailures } from './history.ts'
import { WRONGS, type Accounting } from './reconcile.ts'
import { failures, mergeSeries, type PhaseRecord, type RunRecord } from '../run/record.ts'
import { faultyStretches, judgeFaults, missingFaults, neverInjected, type FaultFigures } from './faults.ts'
import { judgeValidity } from './validity.ts'

/**
 * Passed, failed or invalid, with its reasons. Data that is wrong is wrong however noisy the machine was;
 * a missed figure only counts when the measurement can be believed.
 */
export function judge(record: RunRecord): Verdict {
  const validity = judgeValidity(record)
  const disturbed = disturbedPhases(record)
  const ofFaults = judgeFaults(record).flatMap(judgeFaultExpectation)
  const expectations = [...record.run.scenario.expectations.map((expectation) => judgeExpectation(expectation, record, disturbed)), ...ofFaults, ...notReached(record)]
  const data = [...crossedBorders(record), ...judgeData(record)]
  const latency = mergeSeries(measuredPhases(record), 'latency')
  const remarks = [...excusedLoss(record), ...neverInjected(record)]
  const findings = { validity, expectations, latencyMs: latency && percentilesMs(latency), ...(remarks.length > 0 && { remarks }) }
  const deaths = deathSentences(record.deaths.filter((death) => !death.willRestart))
  const doubts = validity.filter((finding) => finding.ok === false).map((finding) => `${finding.check}: ${finding.says}`)
  const broken = (record.watched?.violations ?? []).slice(0, 3).map((violation) => `a socket broke its promise: ${violation}`)
  const misses = expectations.filter((result) => result.met === false).map((result) => `expected ${result.says}`)
  if (data.length > 0) {
    const reasons = [...data, ...broken, ...deaths, ...misses, ...doubts.map((doubt) => `and the measurement is INVALID: ${doubt}`)]
    return { outcome: 'failed', exitCode: EXIT.data, reasons, ...findings }
  }
  const reasons = [...doubts, ...broken, ...deaths, ...misses]
  if (doubts.length > 0) return { outcome: 'invalid', exitCode: EXIT.invalid, reasons, ...findings }
  if (reasons.length > 0) return { outcome: 'failed', exitCode: EXIT.expectation, reasons, ...findings }
  return { outcome: 'passed', exitCode: EXIT.passed, reasons, ...findings }
}

function measuredPhases(record: RunRecord): PhaseRecord[] {
  return record.phases.filter((phase) => phase.measured && phase.open)
}

/** What somebody saw or changed that was not theirs. Counts whatever else became of the run. */
function crossedBorders({ state: { trespass } }: RunRecord): string[] {
  if (trespass === undefined || trespass.leaks === 0) return []
  const [first] = trespass.examples
  return [`${count(trespass.leaks)} of ${count(trespass.attempts)} attempts to cross a border leaked: ${first?.tried}: ${first?.leaked}`]
}

/** Every way in which the data broke the architecture's promise. */
function judgeData(record: RunRecord): string[] {
  const accounting = record.state.accounting
  if (accounting === undefined) return []
  const beyond = accounting.lost - (accounting.lostExcused ?? 0)
  const wrongs = WRONGS.filter((kind) => accounting[kind] > 0 && !(kind === 'lost' && beyond === 0)).map((kind) =>
    kind === 'lost' && beyond < accounting.lost
      ? `${count(beyond)} of the ${count(accounting.lost)} lost lie outside what the guarantee allows (${allowance(record)})`
      : `${count(accounting[kind])} ${kind} (${SAYS[kind](accounting)})`,
  )
  if ((accounting.leaked ?? 0) > 0) wrongs.push(`${count(accounting.leaked!)} leaked (stored for somebody else than who sent them), such as ${accounting.examples.leaked?.[0]}`)
  wrongs.push(...historyFailures(accounting.history))
  const miscounted = accounting.miscounted
  if (miscounted.length > 0) {
    const { figure, expected, shown } = miscounted[0]!
    wrongs.push(`${count(miscounted.length)} dashboard figure${miscounted.length > 1 ? 's' : ''} miscounted: ${figure} shows ${count(shown)}, the stored ids make ${count(expected)}`)
  }
  if (record.state.settle?.drained === false) {
    wrongs.push(`the backlog did not drain in ${record.run.scenario.settleSeconds} s: ${count(record.state.settle.backlog)} events left`)
  }
  return wrongs
}

/** `lost 12 of 3,000 accepted, as at-most-once allows`: loss is part of what was promised, and said all the same. */
function excusedLoss({ run, state }: RunRecord): string[] {
  const { ok = 0, lost = 0, lostExcused = 0 } = state.accounting ?? {}
  if (lostExcused === 0 || lostExcused < lost) return []
  return [`lost ${count(lost)} of ${count(ok)} accepted, as ${run.guarantee.level === 'none' ? 'no guarantee' : run.guarantee.level} allows`]
}

function allowance({ run }: RunRecord): string {
  return run.guarantee.mayLose === false ? 'nothing' : run.guarantee.mayLose.says
}

/** Phases that an added fault fell into, of which the scenario's author knew nothing. */
function disturbedPhases(record: RunRecord): Set<string> {
  return phasesUnder(record, faultyStretches(record).filter(({ added }) => added))
}

function phasesUnder(record: RunRecord, stretches: readonly { fromMs: number; toMs: number }[]): Set<string> {
  const touched = record.phases.filter(({ beganAtMs, seconds }) => stretches.some(({ fromMs, toMs }) => fromMs < beganAtMs + seconds * 1_000 && toMs > beganAtMs))
  return new Set(touched.map(({ name }) => name))
}

function judgeFaultExpectation({ fault, service, atSeconds, expected, met, says }: FaultFigures): ExpectationResult[] {
  if (expected === undefined) return []
  const clients = { nothing: 'clients notice nothing', rejected: 'clients are refused at most', 'rejected-or-unknown': 'clients are refused or left without an answer at most' }[expected.clients]
  return [{ says: `${fault} ${service} at ${atSeconds} s: ${clients}, recovered within ${expected.recoversWithinS} s; ${says}`, met: met === 'not judged' ? 'not measured' : met }]
}

/** A list that was not played to its end has not been passed, whatever those before were like. */
function notReached(record: RunRecord): ExpectationResult[] {
  return missingFaults(record).flatMap(({ fault, service, atSeconds, whenHealed }) =>
    whenHealed ? [{ says: `${fault} ${service} at ${Number(atSeconds.toFixed(1))} s: injected once the system had healed from what came before; it never was`, met: false }] : [],
  )
}

const SAYS: Record<(typeof WRONGS)[number], (accounting: Accounting) => string> = {
  lost: (accounting) => `of ${count(accounting.ok)} accepted`,
  duplicated: () => 'stored more than once',
  phantom: () => 'refused, yet stored',
  unexpected: () => 'stored, never sent',
  altered: () => 'stored with other fields than were sent',
}

/** Figures of phases are taken from those that no added fault fell into. */
function judgeExpectation(expectation: Expectation, record: RunRecord, disturbed: ReadonlySet<string>): ExpectationResult {
  const meant = expectation.phase === undefined ? measuredPhases(record) : record.phases.filter((phase) => phase.name === expectation.phase)
  const phases = meant.filter(({ name }) => !disturbed.has(name))
  const leftOut = meant.length > phases.length && !OF_THE_RUN.has(expectation.metric)
  const measured = (leftOut && phases.length === 0) || (disturbed.size > 0 && expectation.metric === 'freshnessP99Ms') ? undefined : measure(expectation.metric, phases, record)
  const bounds = [
    expectation.atMost === undefined ? undefined : `at most ${expectation.atMost}`,
    expectation.atLeast === undefined ? undefined : `at least ${expectation.atLeast}`,
  ].filter((bound) => bound !== undefined)
  const where = expectation.phase === undefined ? '' : ` in ${expectation.phase}`
  const without = leftOut ? `, without ${meant.flatMap(({ name }) => (disturbed.has(name) ? [name] : [])).join(' and ')} (an added fault)` : ''
  const says = `${METRIC_NAMES[expectation.metric]}${where}${without} ${bounds.join(' and ')}${measured === undefined ? '' : `, measured ${round(measured)}`}`
  if (measured === undefined) return { metric: expectation.metric, says, met: 'not measured' }
  return { metric: expectation.metric, says, measured, met: measured <= (expectation.atMost ?? Infinity) && measured >= (expectation.atLeast ?? -Infinity) }
}

const METRIC_NAMES: Record<Expectation['metric'], string> = {
  p99Ms: 'p99 latency of orders (ms)',
  readP99Ms: 'p99 latency of reads (ms)',
  readErrorRate: 'share of reads refused, unanswered or never sent, warm-up included',
  errorRate: 'share of events refused, unknown or never sent',
  freshnessP99Ms: 'p99 freshness (ms)',
  backlogGrowth: 'growth of the backlog as a share of what was offered',
  drainSeconds: 'time to drain the backlog (s)',
  reach: 'share of the final count that every subscriber saw',
  othersP99Ratio: "p99 latency of the other callers' orders, noisy phases ÷ all others",
}

/** Not taken from phases. */
const OF_THE_RUN: ReadonlySet<Expectation['metric']> = new Set(['freshnessP99Ms', 'drainSeconds', 'reach'])

function measure(metric: Expectation['metric'], phases: PhaseRecord[], record: RunRecord): number | undefined {
  const { accounting, settle } = record.state
  switch (metric) {
    case 'p99Ms':
      return p99(phases, 'latency')
    case 'readP99Ms':
      return p99(phases, 'readLatency')
    case 'readErrorRate':
      return record.injected && readErrorRate(record.injected.counts.reads)
    case 'errorRate':
      return errorRate(phases)
    case 'freshnessP99Ms':
      return accounting?.freshnessMs?.p99
    case 'backlogGrowth':
      return backlogGrowth(phases.flatMap(({ samples }) => samples), offeredPerSecond(phases))
    case 'drainSeconds':
      return settle === undefined ? undefined : settle.tookMs / 1_000
    case 'othersP99Ratio':
      return othersP99Ratio(phases, record)
    case 'reach':
      return record.watched && reach(record.watched, accounting)
  }
}

/** Of what this run stored: with history, the counts of a dashboard begin far above 0. */
function reach({ lowest, highest }: { lowest: number; highest: number }, accounting: Accounting | undefined): number | undefined {
  const before = accounting?.history?.stored ?? 0
  return highest <= before ? undefined : Math.max(0, lowest - before) / Math.max(highest - before, accounting?.stored ?? 0)
}

/** How much worse those fare who do not send too much, while somebody does. Histograms are merged, phases with faults left out. */
function othersP99Ratio(phases: PhaseRecord[], record: RunRecord): number | undefined {
  const faulty = phasesUnder(record, faultyStretches(record))
  const noisy = new Set(record.run.scenario.phases.flatMap(({ name, noisyShare }) => (noisyShare === undefined ? [] : [name])))
  const [during, otherwise] = [true, false].map((is) => p99(phases.filter(({ name }) => noisy.has(name) === is && !faulty.has(name)), 'othersLatency'))
  return during === undefined || otherwise === undefined || otherwise === 0 ? undefined : during / otherwise
}

function p99(phases: PhaseRecord[], series: Series): number | undefined {
  const merged = mergeSeries(phases, series)
  return merged && percentilesMs(merged).p99
}

/** Of the whole run, as reads are not counted by phase. */
function readErrorRate(reads: Counts): number | undefined {
  return reads.scheduled === 0 ? undefined : failures(reads) / reads.scheduled
}

function errorRate(phases: PhaseRecord[]): number | undefined {
  const counts = phases.flatMap((phase) => phase.sums?.events ?? [])
  const scheduled = counts.reduce((sum, events) => sum + events.scheduled, 0)
  return scheduled === 0 ? undefined : counts.reduce((sum, events) => sum + failures(events), 0) / scheduled
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

function offeredPerSecond(phases: PhaseRecord[]): number {
  const seconds = phases.reduce((sum, phase) => sum + phase.seconds, 0)
  return seconds === 0 ? 0 : phases.reduce((sum, { sums }) => sum + (sums?.events.scheduled ?? 0), 0) / seconds
}

function round(value: number): string {
  return Number(value.toPrecision(3)).toString()
}
