import { howItDied, lastWords } from '../reports/deaths.ts'
import { HISTORY_WRONGS } from '../reports/history.ts'
import { WRONGS } from '../reports/reconcile.ts'
import { OUTCOME_WORDS } from '../reports/search-report.ts'
import { rate } from '../reports/searched.ts'
import type { RunEvent } from '../run/events.ts'
import type { ProbeResult } from '../run/search.ts'
import { faultLabel, initialState, reduce, type RunState } from '../run/state.ts'
import { whereText } from '../run/where.ts'
import { bracketText, minutes } from './search-words.ts'
import { clean } from './ui/cells.ts'
import { errorRates, progress } from './ui/facts.ts'
import { bytes, clock, count, ms, percent } from './ui/format.ts'

export { summaryText, type SummaryOptions } from './summary.ts'

export interface PlainOptions {
  /** One line without its end. */
  write(line: string): unknown
  /** Seconds of the run between the regular lines. */
  everySeconds?: number
}

/** For pipes and CI: a line every ten seconds of the run and one for everything that matters. Resolves with the last state. */
export async function plainLog(events: AsyncIterable<RunEvent>, { write, everySeconds = 10 }: PlainOptions): Promise<RunState> {
  let state = initialState
  let beganAtMs: number | undefined
  let dueAtMs = Infinity
  for await (const event of events) {
    state = reduce(state, event)
    if (beganAtMs === undefined) {
      beganAtMs = event.atMs
      dueAtMs = event.atMs + everySeconds * 1_000
    }
    const at = clock((event.atMs - beganAtMs) / 1_000).padStart(7)
    for (const line of eventLines(event, state)) write(`${at}  ${line}`)
    if (event.atMs >= dueAtMs && event.type !== 'run-ended') {
      write(`${at}  ${regularLine(state)}`)
      dueAtMs += Math.ceil((event.atMs - dueAtMs + 1) / (everySeconds * 1_000)) * everySeconds * 1_000
    }
  }
  return state
}

/** Where the run is and how it does, in one line: figures of the last second, after words that name them. */
export function regularLine(state: RunState): string {
  const probe = state.search?.current
  if (state.stage === 'search' && probe !== undefined) return `probe ${probe.probe} at ${rate(probe.rate)}: ${regularLine(probe.run)}`
  const { says, share } = progress(state)
  const where = `${state.stage}: ${says}${share === undefined ? '' : ` (${Math.round(share * 100)} %)`}`
  const { last } = state
  if (!last || state.stage === 'up' || state.stage === 'seed' || state.stage === 'waiting' || state.stage === 'reconcile') return where
  const { rates, latency } = last
  const busiest = Object.entries(last.services).sort((a, b) => b[1].cpu - a[1].cpu)[0]
  return [
    where,
    `offered ${count(rates.offered)}/s`,
    `accepted ${count(rates.accepted)}/s`,
    ...(rates.persisted === undefined ? [] : [`persisted ${count(rates.persisted)}/s`]),
    ...(latency ? [`p50 ${ms(latency.p50)} p99 ${ms(latency.p99)} max ${ms(latency.max)} ms`] : []),
    ...(last.backlog === undefined ? [] : [`backlog ${count(last.backlog)}`]),
    ...(last.freshnessMs === undefined ? [] : [`freshness ${count(last.freshnessMs)} ms`]),
    `failed ${percent(errorRates(state).overall)}`,
    ...(state.trespass ? [`borders: ${count(state.trespass.attempts)} attempts, ${count(state.trespass.leaks)} leaks`] : []),
    ...(busiest ? [`${clean(busiest[0])} ${percent(busiest[1].cpu, 0)} of a core`] : []),
    ...state.alerts.map(({ says: alert }) => `ALERT ${clean(alert)}`),
  ].join(', ')
}

/** `prometheus at http://127.0.0.1:9090, …` */
export function whereabouts(at: Record<string, string>): string {
  return Object.entries(at).map(([name, url]) => `${clean(name)} at ${clean(url)}`).join(', ')
}

/** Lines for what should not wait for the next regular one; most events have none. */
export function eventLines(event: RunEvent, state: RunState): string[] {
  switch (event.type) {
    case 'run-started':
      return [
        `run ${clean(event.runId)}: ${event.scenario.id} on ${event.architecture} (${clean(event.title)}), ` +
          `${clean(whereText(event))}, ${event.scenario.search ? 'first' : 'base'} rate ${count(event.baseRate)}/s, seed ${event.seed}`,
      ]
    case 'stage':
      return [`stage ${event.stage}`]
    case 'fetch':
      return event.done === 0 || event.done === event.total
        ? [`fetching ${clean(event.what)}: ${bytes(event.done)}${event.total === undefined ? '' : ` of ${bytes(event.total)}`}`]
        : []
    case 'service-ready':
      return [`${nameOf(event)} ready after ${(event.tookMs / 1_000).toFixed(1)} s`]
    case 'service-exited':
      return event.expected
        ? []
        : [
            `${nameOf(event)} died: ${howItDied(event)}${event.willRestart ? ', restarts by its policy' : ''}; its last lines:`,
            ...lastWords(event.lastLines).slice(-5).map((line) => `    ${clean(line)}`),
          ]
    case 'service-restarted':
      return [`${nameOf(event)} restarts, attempt ${event.attempt}`]
    case 'phase-began':
      return [`phase ${event.phase} began, ${phaseSeconds(state, event.index)} s`]
    case 'scaled':
      return [`${clean(event.service)} scaled from ${event.from} to ${event.to}: ${clean(event.says)}`]
    case 'alert':
      return [`${event.on ? 'ALERT' : 'alert over:'} ${clean(event.says)}`]
    case 'fault-injected':
      return [`FAULT ${clean(faultLabel(event))} injected${event.forMs === undefined ? '' : `, for ${event.forMs / 1_000} s`}`]
    case 'trespassed':
      return event.leaks.map(({ tried, leaked }) => `LEAK ${clean(tried)}: ${clean(leaked)}`)
    case 'fault-healed':
      return [`fault ${clean(faultLabel(event))} healed, ready again after ${(event.tookMs / 1_000).toFixed(1)} s`]
    case 'observing':
      return [`observed by ${whereabouts(event.at)}`]
    case 'note':
      return [`${event.level === 'warning' ? 'WARNING' : 'note:'} ${clean(event.says)}`]
    case 'seeded':
      return [`history: ${count(event.orders)} orders over ${event.days} days written in ${event.seconds.toFixed(1)} s (${count(event.perSecond)}/s)`]
    case 'search-planned':
      return [`search: about ${event.probes} probes, each in a fresh system; it will take ${minutes(event.seconds)}`]
    case 'probe-began':
      return [`probe ${event.probe} at ${rate(event.rate)} (${event.purpose}); ${bracketText(state.search)}; ${minutes(event.secondsLeft)} left`]
    case 'probe-event':
      return TOLD_OF_PROBES.has(event.event.type) ? eventLines(event.event, state.search?.current?.run ?? state).map((line) => `  ${line}`) : []
    case 'probe-ended':
      return [probeLine(event)]
    case 'searched':
      // The verdict, which follows at once, says the answer.
      return event.searched.bottleneck?.evidence.map((line) => `evidence: ${clean(line)}`) ?? []
    case 'settled':
      return [
        event.drained
          ? `backlog drained in ${(event.tookMs / 1_000).toFixed(1)} s`
          : `backlog NOT drained after ${(event.tookMs / 1_000).toFixed(1)} s: ${count(event.backlog)} left`,
      ]
    case 'accounted': {
      const { accounting } = event
      const wrongs = WRONGS.map((wrong) => `${wrong} ${count(accounting[wrong])}`)
      return [
        `accounted: ${[`${count(accounting.stored)} stored`, ...wrongs, `miscounted ${count(accounting.miscounted.length)}`, ...(accounting.leaked === undefined ? [] : [`leaked ${count(accounting.leaked)}`])].join(', ')}`,
        ...(accounting.history ? [`history: ${count(accounting.history.stored)} of ${count(accounting.history.orders)} stored, ${HISTORY_WRONGS.map((wrong) => `${wrong} ${count(accounting.history![wrong])}`).join(', ')}`] : []),
      ]
    }
    case 'judged':
      return [
        `verdict: ${event.verdict.outcome.toUpperCase()}${event.verdict.reasons.length > 0 ? `: ${event.verdict.reasons.map(clean).join('; ')}` : ''}`,
        ...(event.verdict.remarks ?? []).map((remark) => `note: ${clean(remark)}`),
      ]
    case 'run-ended':
      return [`run ${event.status}, exit code ${event.exitCode}${event.why === undefined ? '' : `: ${clean(event.why)}`}`]
    default:
      return []
  }
}

/** A probe is a run: of what it tells, only what nobody expects. */
const TOLD_OF_PROBES = new Set<RunEvent['type']>(['fetch', 'service-exited', 'service-restarted', 'note', 'trespassed'])

/** `probe 5 at 4,000/s FAILED: p99 2,410.0 ms, errors 0.00 %, backlog +3.1 %, drained in 9.1 s; p99 latency … at most 100, measured 2410` */
function probeLine({ probe, rate: tried, outcome, figures: { latencyMs, errorRate, backlogGrowth, drainSeconds }, reasons }: ProbeResult): string {
  const figures = [
    ...(latencyMs ? [`p99 ${ms(latencyMs.p99)} ms`] : []),
    ...(errorRate === undefined ? [] : [`errors ${percent(errorRate)}`]),
    ...(backlogGrowth === undefined ? [] : [`backlog +${percent(backlogGrowth, 1)}`]),
    ...(drainSeconds === undefined ? [] : [`drained in ${drainSeconds.toFixed(1)} s`]),
  ].join(', ')
  return `probe ${probe} at ${rate(tried)} ${OUTCOME_WORDS[outcome]}: ${figures}${reasons.length === 0 ? '' : `${figures === '' ? '' : '; '}${reasons.map(clean).join('; ')}`}`
}

function nameOf({ service, replica }: { service: string; replica: number }): string {
  return replica > 1 ? `${clean(service)}-${replica}` : clean(service)
}

function phaseSeconds({ run }: RunState, index: number): string {
  const seconds = run?.scenario.phases[index]?.seconds
  return seconds === undefined ? '?' : String(Math.round(seconds * 10) / 10)
}
