import { howItDied } from '../reports/deaths.ts'
import type { Accounting } from '../reports/reconcile.ts'
import { outagesAfter, type Outage } from './outages.ts'
import type { RunEvent, RunStarted, RunStatus, Sample, Stage, Verdict } from './events.ts'
import type { ProbeResult, Purpose, Searched } from './search.ts'

/** What a run looks like so far: made from its events alone, by {@link reduce}. */
export interface RunState {
  run?: RunStarted
  stage: Stage | 'waiting' | 'ended'
  /** When the load plan begins, ms since the epoch. */
  loadStartAtMs?: number
  phase?: { name: string; index: number; beganAtMs: number }
  /** Ended phases with their true bounds, then the running one: bands of the charts. */
  phases: { name: string; beganAtMs: number; endedAtMs?: number }[]
  faults: FaultState[]
  /** When services were away, whoever was to blame. */
  outages: readonly Outage[]
  services: ServiceState[]
  /** The whole series while it fits, thinned afterwards: see {@link SAMPLE_LIMIT}. */
  samples: Sample[]
  last?: Sample
  alerts: { alert: string; says: string; sinceMs: number }[]
  scalings: { atMs: number; service: string; from: number; to: number; says: string }[]
  log: LogLine[]
  notes: { level: 'info' | 'warning'; says: string }[]
  /** Where prometheus and the like are, by name. */
  observing?: Record<string, string>
  fetch?: { what: string; done: number; total?: number }
  /** Attempts to cross borders between callers so far, where the scenario has them. */
  trespass?: { attempts: number; leaks: number; examples: Leak[] }
  settle?: { tookMs: number; backlog: number; drained: boolean }
  /** Of a search, which is made of runs. */
  search?: SearchState
  /** History that is or was written. */
  seeding?: { written: number; orders: number }
  seeded?: { orders: number; days: number; seconds: number; perSecond: number }
  reconciledRows?: number
  accounting?: Accounting
  verdict?: Verdict
  ended?: { status: RunStatus; exitCode: number; why?: string }
  lastEventAtMs: number
}

/** What a search knows so far. */
export interface SearchState {
  /** About how many probes, and how long they take, as it was said at the beginning. */
  planned?: { probes: number; seconds: number }
  probes: readonly ProbeResult[]
  /** Highest rate that holds, lowest that does not. */
  bracket: { pass?: number; border?: number }
  /** The probe that goes on, or went on last. */
  current?: { probe: number; rate: number; purpose: Purpose; probesLeft: number; secondsLeft: number; beganAtMs: number; run: RunState }
  searched?: Searched
}

/** What somebody saw or changed that was not theirs. */
export interface Leak {
  atMs: number
  tried: string
  leaked: string
}

export interface FaultState {
  fault: string
  service: string
  replica: number
  /** How much of it. */
  value?: string
  /** As planned; absent: over at once. */
  forMs?: number
  injectedAtMs: number
  /** The service was ready again. */
  healedAtMs?: number
  /** How long that took once the lab had lifted the fault. */
  tookMs?: number
}

export interface ServiceState {
  service: string
  replica: number
  status: 'starting' | 'ready' | 'done' | 'exited' | 'killed' | 'paused' | 'restarting'
  restarts: number
  tookMs?: number
  version?: string
}

export interface LogLine {
  atMs: number
  service: string
  line: string
}

/** Two hours of seconds; a longer run keeps every second sample, then every fourth, … */
export const SAMPLE_LIMIT = 7_200
export const LOG_LIMIT = 200
const LEAK_EXAMPLES = 20

/** Before the first event. */
export const initialState: RunState = {
  stage: 'waiting',
  phases: [],
  faults: [],
  outages: [],
  services: [],
  samples: [],
  alerts: [],
  scalings: [],
  log: [],
  notes: [],
  lastEventAtMs: 0,
}

/** Pure: the next state, sharing what did not change. */
export function reduce(state: RunState, event: RunEvent): RunState {
  return { ...state, ...change(state, event), outages: outagesAfter(state.outages, event), lastEventAtMs: event.atMs }
}

function change(state: RunState, event: RunEvent): Partial<RunState> {
  switch (event.type) {
    case 'run-started':
      return { run: event, ...(event.scenario.search && { search: { probes: [], bracket: {} } }) }
    case 'stage':
      return { stage: event.stage, fetch: undefined, phase: event.stage === 'load' ? state.phase : undefined }
    case 'fetch':
      return { fetch: { what: event.what, done: event.done, total: event.total } }
    case 'load-planned':
      return { loadStartAtMs: event.startAtMs }
    case 'phase-began':
      return {
        phase: { name: event.phase, index: event.index, beganAtMs: event.atMs },
        phases: [...state.phases, { name: event.phase, beganAtMs: event.atMs }],
      }
    case 'phase-ended':
      return {
        phase: state.phase?.index === event.index ? undefined : state.phase,
        phases: state.phases.map((phase) => (phase.name === event.phase ? { ...phase, endedAtMs: event.atMs } : phase)),
      }
    case 'sample':
      return { last: event, samples: [...thin(state.samples), event] }
    case 'service-started':
      return { services: withService(state, event, { status: 'starting' }) }
    case 'service-ready':
      return { services: withService(state, event, { status: 'ready', tookMs: event.tookMs, version: event.version }) }
    case 'service-exited':
      return {
        services: withService(state, event, { status: wasKilled(state, event) ? 'killed' : event.expected && event.code === 0 ? 'done' : 'exited' }),
        log: event.expected ? state.log : appendLog(state, event.atMs, event.service, `died: ${howItDied(event)}`),
      }
    case 'service-restarted':
      return { services: withService(state, event, { status: 'restarting', restarts: event.attempt }) }
    case 'log':
      return { log: appendLog(state, event.atMs, event.service, event.line) }
    case 'scaled': {
      const { atMs, service, from, to, says } = event
      return { scalings: [...state.scalings, { atMs, service, from, to, says }], log: appendLog(state, atMs, 'lab', `${service} ${from} → ${to} replicas: ${says}`) }
    }
    case 'alert':
      return {
        alerts: [
          ...state.alerts.filter((alert) => alert.alert !== event.alert),
          ...(event.on ? [{ alert: event.alert, says: event.says, sinceMs: event.atMs }] : []),
        ],
        log: appendLog(state, event.atMs, 'alert', `${event.on ? 'raised' : 'cleared'}: ${event.says}`),
      }
    case 'fault-injected':
      return {
        faults: [...state.faults, { fault: event.fault, service: event.service, replica: event.replica, ...(event.value !== undefined && { value: event.value }), forMs: event.forMs, injectedAtMs: event.atMs }],
        services: event.fault === 'pause' ? withService(state, event, { status: 'paused' }) : state.services,
        log: appendLog(state, event.atMs, 'fault', `${faultLabel(event)} injected`),
      }
    case 'fault-healed':
      return {
        faults: state.faults.map((fault) =>
          isOpen(fault, event) && fault.fault === event.fault ? { ...fault, healedAtMs: event.atMs, tookMs: event.tookMs } : fault,
        ),
        services: event.fault === 'pause' ? withService(state, event, { status: 'ready' }) : state.services,
        log: appendLog(state, event.atMs, 'fault', `${faultLabel(event)} healed`),
      }
    case 'note':
      return { notes: [...state.notes, { level: event.level, says: event.says }], log: appendLog(state, event.atMs, 'lab', event.says) }
    case 'observing':
      return { observing: event.at }
    case 'trespassed': {
      const { attempts, leaks, examples } = state.trespass ?? { attempts: 0, leaks: 0, examples: [] }
      const more = event.leaks.map((leak) => ({ atMs: event.atMs, ...leak }))
      return {
        trespass: { attempts: attempts + event.attempts, leaks: leaks + more.length, examples: [...examples, ...more].slice(0, LEAK_EXAMPLES) },
        log: more.reduce((log, { tried, leaked }) => [...log.slice(-(LOG_LIMIT - 1)), { atMs: event.atMs, service: 'LEAK', line: `${tried}: ${leaked}` }], state.log),
      }
    }
    case 'search-planned':
    case 'probe-began':
    case 'probe-event':
    case 'probe-ended':
    case 'searched':
      return state.search === undefined ? {} : { search: { ...state.search, ...searchChange(state.search, event) } }
    case 'settled':
      return { settle: { tookMs: event.tookMs, backlog: event.backlog, drained: event.drained } }
    case 'seeding':
      return { seeding: { written: event.written, orders: event.orders } }
    case 'seeded':
      return { seeded: { orders: event.orders, days: event.days, seconds: event.seconds, perSecond: event.perSecond } }
    case 'reconciling':
      return { reconciledRows: event.rows }
    case 'phase-measured':
    case 'injected':
    case 'watched':
    case 'data-measured':
    case 'traced':
      return {}
    case 'accounted':
      return { accounting: event.accounting }
    case 'judged':
      return { verdict: event.verdict }
    case 'run-ended':
      return { stage: 'ended', phase: undefined, ended: { status: event.status, exitCode: event.exitCode, why: event.why } }
  }
}

type SearchEvent = Extract<RunEvent, { type: 'search-planned' | 'probe-began' | 'probe-event' | 'probe-ended' | 'searched' }>

function searchChange({ probes, current }: SearchState, event: SearchEvent): Partial<SearchState> {
  switch (event.type) {
    case 'search-planned':
      return { planned: { probes: event.probes, seconds: event.seconds } }
    case 'probe-began': {
      const { type: _, atMs, ...probe } = event
      return { current: { ...probe, beganAtMs: atMs, run: initialState } }
    }
    case 'probe-event':
      return current === undefined ? {} : { current: { ...current, run: reduce(current.run, event.event) } }
    case 'probe-ended': {
      const { type: _, atMs: _at, bracket, ...result } = event
      return { probes: [...probes, result], bracket }
    }
    case 'searched':
      return { searched: event.searched }
  }
}

/** `kill worker`, `kill api.2`, `latency kafka 200ms`: the same words in charts, lines and tables. */
export function faultLabel({ fault, service, replica, value }: { fault: string; service: string; replica?: number; value?: string }): string {
  return `${fault} ${service}${(replica ?? 1) === 1 ? '' : `.${replica}`}${value === undefined ? '' : ` ${value}`}`
}

function isOpen(fault: FaultState, { service, replica }: { service: string; replica: number }): boolean {
  return fault.service === service && fault.replica === replica && fault.healedAtMs === undefined
}

/** A fault took it away, and nothing else. */
function wasKilled(state: RunState, event: { service: string; replica: number; expected: boolean }): boolean {
  return event.expected && state.faults.some((fault) => isOpen(fault, event))
}

function withService(state: RunState, key: { service: string; replica: number }, patch: Partial<ServiceState>): ServiceState[] {
  const index = state.services.findIndex((known) => known.service === key.service && known.replica === key.replica)
  if (index < 0) return [...state.services, { service: key.service, replica: key.replica, status: 'starting', restarts: 0, ...patch }]
  return state.services.with(index, { ...state.services[index]!, ...patch })
}

function appendLog(state: RunState, atMs: number, service: string, line: string): LogLine[] {
  return [...state.log.slice(-(LOG_LIMIT - 1)), { atMs, service, line }]
}

function thin(samples: Sample[]): Sample[] {
  return samples.length < SAMPLE_LIMIT ? samples : samples.filter((_, i) => i % 2 === 1)
}
