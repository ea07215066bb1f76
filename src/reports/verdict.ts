import { EXIT } from '../run/errors.ts'
import type { ExpectationResult, Verdict } from '../run/events.ts'
import type { Expectation } from '../scenarios/scenario.ts'
import { percentilesMs } from '../measure/histogram.ts'
import type { Series } from '../run/series.ts'
import { WRONGS, type Accounting } from './reconcile.ts'
import { failures, mergeSeries, type PhaseRecord, type RunRecord } from '../run/record.ts'
import { judgeValidity } from './validity.ts'

/**
 * Passed, failed or invalid, with its reasons. Data that is wrong is wrong however noisy the machine was;
 * a missed figure only counts when the measurement can be believed.
 */
export function judge(record: RunRecord): Verdict {
  const validity = judgeValidity(record)
  const expectations = record.run.scenario.expectations.map((expectation) => judgeExpectation(expectation, record))
  const data = judgeData(record)
  const latency = mergeSeries(measuredPhases(record), 'latency')
  const findings = { validity, expectations, latencyMs: latency && percentilesMs(latency) }
  const deaths = record.deaths.filter((death) => !death.willRestart).map((death) => `${death.service} died by itself (${death.signal ?? `exit code ${death.code}`})`)
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

/** Every way in which the data broke the architecture's promise. */
function judgeData(record: RunRecord): string[] {
  const accounting = record.state.accounting
  if (accounting === undefined) return []
  const excused = mayHaveLost(record)
  const wrongs = WRONGS.filter((kind) => accounting[kind] > 0 && !(kind === 'lost' && excused)).map(
    (kind) => `${count(accounting[kind])} ${kind} (${SAYS[kind](accounting)})`,
  )
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

/** Loss is excused only where the guarantee excuses it and what it names really went away in this run. */
function mayHaveLost({ run, state, deaths }: RunRecord): boolean {
  const { mayLose } = run.guarantee
  if (mayLose === false) return false
  return [...state.faults, ...deaths].some(({ service }) => mayLose.after.includes(service))
}

const SAYS: Record<(typeof WRONGS)[number], (accounting: Accounting) => string> = {
  lost: (accounting) => `of ${count(accounting.ok)} accepted`,
  duplicated: () => 'stored more than once',
  phantom: () => 'refused, yet stored',
  unexpected: () => 'stored, never sent',
  altered: () => 'stored with other fields than were sent',
}

function judgeExpectation(expectation: Expectation, record: RunRecord): ExpectationResult {
  const phases = expectation.phase === undefined ? measuredPhases(record) : record.phases.filter((phase) => phase.name === expectation.phase)
  const measured = measure(expectation.metric, phases, record)
  const bounds = [
    expectation.atMost === undefined ? undefined : `at most ${expectation.atMost}`,
    expectation.atLeast === undefined ? undefined : `at least ${expectation.atLeast}`,
  ].filter((bound) => bound !== undefined)
  const where = expectation.phase === undefined ? '' : ` in ${expectation.phase}`
  const says = `${METRIC_NAMES[expectation.metric]}${where} ${bounds.join(' and ')}${measured === undefined ? '' : `, measured ${round(measured)}`}`
  if (measured === undefined) return { says, met: 'not measured' }
  return { says, measured, met: measured <= (expectation.atMost ?? Infinity) && measured >= (expectation.atLeast ?? -Infinity) }
}

const METRIC_NAMES: Record<Expectation['metric'], string> = {
  p99Ms: 'p99 latency of orders (ms)',
  readP99Ms: 'p99 latency of reads (ms)',
  errorRate: 'share of events refused, unknown or never sent',
  freshnessP99Ms: 'p99 freshness (ms)',
  drainSeconds: 'time to drain the backlog (s)',
  reach: 'share of the final count that every subscriber saw',
}

function measure(metric: Expectation['metric'], phases: PhaseRecord[], record: RunRecord): number | undefined {
  const { accounting, settle } = record.state
  switch (metric) {
    case 'p99Ms':
      return p99(phases, 'latency')
    case 'readP99Ms':
      return p99(phases, 'readLatency')
    case 'errorRate':
      return errorRate(phases)
    case 'freshnessP99Ms':
      return accounting?.freshnessMs?.p99
    case 'drainSeconds':
      return settle === undefined ? undefined : settle.tookMs / 1_000
    case 'reach':
      return record.watched === undefined || record.watched.highest === 0 ? undefined : record.watched.lowest / Math.max(record.watched.highest, accounting?.stored ?? 0)
  }
}

function p99(phases: PhaseRecord[], series: Series): number | undefined {
  const merged = mergeSeries(phases, series)
  return merged && percentilesMs(merged).p99
}

function errorRate(phases: PhaseRecord[]): number | undefined {
  const counts = phases.flatMap((phase) => phase.sums?.events ?? [])
  const scheduled = counts.reduce((sum, events) => sum + events.scheduled, 0)
  return scheduled === 0 ? undefined : counts.reduce((sum, events) => sum + failures(events), 0) / scheduled
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

function round(value: number): string {
  return Number(value.toPrecision(3)).toString()
}
