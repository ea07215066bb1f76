import type { FaultExpectation, Guarantee } from '../system/architecture.ts'
import type { Counts, PhaseSums } from '../load/control.ts'
import type { RuntimeEvent } from '../runtime/runtime.ts'
import type { Expectation, Scenario } from '../scenarios/scenario.ts'
import type { Accounting } from '../reports/reconcile.ts'
import type { ValidityFinding } from '../reports/validity.ts'
import type { ProbeResult, Purpose, Searched } from './search.ts'

/**
 * Everything a run tells, in order, one JSON object a line in `events.ndjson`. The picture, the plain log,
 * `--json` and the report are all made from these and nothing else.
 */
export type RunEvent = { atMs: number } & (
  | RunStarted
  | RuntimeEvent
  | { type: 'stage'; stage: Stage }
  /** History goes in; once a second. */
  | { type: 'seeding'; written: number; orders: number }
  | { type: 'seeded'; orders: number; days: number; seconds: number; perSecond: number }
  /** The load plan begins at this moment; phases follow the scenario without a gap. */
  | { type: 'load-planned'; startAtMs: number }
  | { type: 'phase-began'; phase: string; index: number }
  | { type: 'phase-ended'; phase: string; index: number }
  | Sample
  | PhaseMeasured
  /** The injector is done; what made its own figures unbelievable, if anything. */
  | { type: 'injected'; counts: { events: Counts; reads: Counts }; errors: Record<string, number>; retries: number; invalid: string[] }
  | { type: 'watched'; subscribers: number; messages: number; bytes: number; dropped: number; violations: string[]; lowest: number; highest: number }
  | { type: 'data-measured'; bytes: Record<string, number> }
  /** The lab changed the number of replicas. */
  | { type: 'scaled'; service: string; from: number; to: number; says: string }
  | { type: 'alert'; alert: string; on: boolean; says: string }
  /** `forMs`: as planned, absent for one that is over at once. */
  | { type: 'fault-injected'; fault: string; service: string; replica: number; value?: string; forMs?: number }
  /** The service is ready again. `tookMs`: how long that took once the lab had lifted the fault. */
  | { type: 'fault-healed'; fault: string; service: string; replica: number; value?: string; tookMs: number }
  /** What is there beside the lab to look at the run with, and where. */
  | { type: 'observing'; at: Record<string, string> }
  | { type: 'note'; level: 'info' | 'warning'; says: string }
  /** One round of attempts to cross borders between callers, as far as they were answered. `leaks`: those that must have been refused. */
  | { type: 'trespassed'; attempts: number; leaks: { tried: string; leaked: string }[] }
  /** A search: about how many probes, and how long they take. */
  | { type: 'search-planned'; probes: number; seconds: number }
  | { type: 'probe-began'; probe: number; rate: number; purpose: Purpose; probesLeft: number; secondsLeft: number }
  /** What the probe that goes on tells; a run like any other, whose own folder is `probes/<probe>`. */
  | { type: 'probe-event'; probe: number; event: RunEvent }
  /** `bracket`: highest rate that holds, lowest that does not, so far. */
  | ({ type: 'probe-ended'; bracket: { pass?: number; border?: number } } & ProbeResult)
  | { type: 'searched'; searched: Searched }
  | { type: 'settled'; tookMs: number; backlog: number; drained: boolean }
  | { type: 'reconciling'; rows: number }
  | { type: 'accounted'; accounting: Accounting }
  /** Spans in the run's folder; and those that were lost for want of room, anywhere. */
  | { type: 'traced'; spans: number; dropped: number }
  | { type: 'judged'; verdict: Verdict }
  | { type: 'run-ended'; status: RunStatus; exitCode: number; why?: string }
)

/** fetch and bring-up → history, where there is any → warm and load → settle → reconcile → report → down; of a search: search → report. */
export type Stage = 'search' | 'up' | 'seed' | 'load' | 'settle' | 'reconcile' | 'report' | 'down'
export type RunStatus = 'complete' | 'aborted' | 'failed'

export interface RunStarted {
  type: 'run-started'
  schemaVersion: 1
  runId: string
  scenario: Scenario
  /** Arrivals per second at rate 1, after `--rate`. */
  baseRate: number
  architecture: string
  title: string
  flow: string
  knobs: Record<string, string | number | boolean>
  guarantee: Guarantee
  /** What the architecture says its faults look like. */
  faultExpectations?: readonly FaultExpectation[]
  runtime: 'local' | 'docker'
  /** Services whose clients reach them through a proxy of the lab's, because of the faults planned. */
  links?: readonly string[]
  /** Services that somebody else runs, and where, without account and password. Absent: the lab ran all of them. */
  external?: readonly { service: string; at: string }[]
  seed: number
  runTag: number
  /** Orders of history to be written before the load; absent: none. */
  history?: number
  /** One event in so many is traced; absent: none, and nothing else of `--observe`. */
  observe?: { oneIn: number }
  /** As typed, ready to run again. */
  commandLine: string
  versions: Record<string, string>
  machine: Machine
  git?: { commit: string; dirty: boolean }
}

export interface Machine {
  cpuModel: string
  cores: number
  memoryBytes: number
  kernel: string
  /** What injector and system share, in words. */
  placement: string
}

/** One a second. Rates are per second over this sample; latencies in ms over what ended in it; `undefined` where nothing was measured. */
export interface Sample {
  type: 'sample'
  /** Seconds since the load began; negative before. */
  second: number
  phase?: string
  rates: { offered: number; sent: number; accepted: number; persisted?: number; reads: number }
  counts: { events: Counts; reads: Counts }
  latency?: Percentiles
  readLatency?: Percentiles
  errors: Record<string, number>
  stored?: number
  backlog?: number
  /** How old the newest event is that a subscriber's count includes, ms. */
  freshnessMs?: number
  subscribers?: { connected: number; messagesPerSecond: number; lowest: number; highest: number; cpuShare: number; loopDelayP99Ms: number }
  /** What the first subscriber received: [ms since the epoch, count]. */
  seen?: [number, number][]
  injector?: { cpuShare: number; loopDelayP99Ms: number; sendLagP99Ms: number; rssBytes: number; connections: number }
  /** By service; replicas added up. CPU in cores. */
  services: Record<string, { cpu: number; rssBytes: number; replicas: number }>
  /** The system's own `lab_…` metrics over all its processes: counters (`_total`) per second, gauges as they are. */
  metrics?: Record<string, number>
  lab: { cpu: number; rssBytes: number }
  /** Shares of all cores. */
  machine: { cpuBusy: number; stealShare: number; ioWaitShare?: number; load1: number }
}

/** Sums over one phase that histograms cannot give; requests of all kinds, by intended time. */
export interface PhaseMeasured extends PhaseSums {
  type: 'phase-measured'
  phase: string
  index: number
}

export interface Percentiles {
  p50: number
  p95: number
  p99: number
  max: number
  count: number
}

export interface Verdict {
  outcome: 'passed' | 'failed' | 'invalid'
  exitCode: number
  /** One sentence a reason. */
  reasons: string[]
  /** What is remarkable and no fault of the system: loss that its guarantee allows. */
  remarks?: string[]
  /** Of orders over all measured open-loop phases. */
  latencyMs?: Percentiles
  validity: ValidityFinding[]
  expectations: ExpectationResult[]
}

export interface ExpectationResult {
  /** Absent: of a fault. */
  metric?: Expectation['metric']
  says: string
  met: boolean | 'not measured'
  measured?: number
}
