import type { RunEvent } from '../../../src/run/events.ts'
import type { ProbeOutcome, ProbeResult, Searched } from '../../../src/run/search.ts'
import { judgeSearch } from '../../../src/reports/searched.ts'
import { breakpoint } from '../../../src/scenarios/breakpoint.ts'
import { story } from './story.ts'

/** A search, told by hand: four probes that are over, and a fifth that is in its load. */

const [started] = story('passed') as [Extract<RunEvent, { type: 'run-started' }>]
const LASTS_MS = 100_000
const TRIED: [rate: number, outcome: ProbeOutcome, p99: number][] = [[1_000, 'passed', 4.2], [2_000, 'passed', 8.1], [4_000, 'failed', 12_410], [2_828, 'late', 44]]

function probe(index: number): ProbeResult {
  const [rate, outcome, p99] = TRIED[index]!
  const reasons = { passed: [], failed: [`p99 latency of orders (ms) in hold at most 100, measured ${p99}`], late: ['send lag in hold: p99 9 ms, allowed 5 ms'], disturbed: [], data: [] }[outcome]
  return {
    probe: index + 1, rate, outcome, reasons, tookSeconds: LASTS_MS / 1_000,
    figures: { latencyMs: { p50: p99 / 5, p95: p99 / 2, p99, max: p99 * 2, count: 100 }, errorRate: 0.001, backlogGrowth: 0.031, drainSeconds: 0.4, acceptedPerSecond: rate },
  }
}

/** As far as the load of the fifth probe. */
export function searchUnderWay(): RunEvent[] {
  const { atMs } = started
  const over = TRIED.flatMap(([rate], index): RunEvent[] => [
    { atMs: atMs + index * LASTS_MS + 1, type: 'probe-began', probe: index + 1, rate, purpose: index === 0 ? 'first' : 'double', probesLeft: 12 - index, secondsLeft: 1_200 - 100 * index },
    { atMs: atMs + (index + 1) * LASTS_MS, type: 'probe-ended', bracket: index < 2 ? { pass: rate } : { pass: 2_000, border: 4_000 }, ...probe(index) },
  ])
  const fifth = atMs + 4 * LASTS_MS + 1
  const later = (ms: number) => fifth + ms - atMs
  const live = story('passed').filter((event) => event.atMs < atMs + 41_000 && event.type !== 'run-ended')
  return [
    { ...started, scenario: breakpoint, runId: '20261121-074500-breakpoint-v2-3fa9', baseRate: 1_000 },
    { atMs, type: 'stage', stage: 'search' },
    { atMs, type: 'search-planned', probes: 12, seconds: 600 },
    ...over,
    { atMs: fifth, type: 'probe-began', probe: 5, rate: 2_828, purpose: 'repeat', probesLeft: 8, secondsLeft: 430 },
    ...live.map((event): RunEvent => ({ atMs: later(event.atMs), type: 'probe-event', probe: 5, event: { ...event, atMs: later(event.atMs), ...('startAtMs' in event && { startAtMs: later(event.startAtMs) }) } })),
  ]
}

/** To its end. */
export function searchOver(): RunEvent[] {
  const under = searchUnderWay()
  const { atMs } = under.at(-1)!
  const searched: Searched = {
    why: 'found', pass: { rate: 2_000, passed: 3, failed: 0 }, fail: { rate: 2_100, passed: 0, failed: 3 },
    bottleneck: { what: 'core', service: 'api', says: 'api: it used 97 % of the one core it can use', evidence: ['CPU in cores: api 0.97, redis 0.20'] },
  }
  return [
    ...under,
    { atMs, type: 'probe-ended', bracket: { pass: 2_000, border: 2_100 }, ...probe(2), probe: 5, rate: 2_100 },
    { atMs, type: 'searched', searched },
    { atMs, type: 'stage', stage: 'report' },
    { atMs, type: 'judged', verdict: judgeSearch(searched, [], breakpoint.search!) },
    { atMs, type: 'run-ended', status: 'complete', exitCode: 0 },
  ]
}
