/**
 * The one control connection between the lab and an injector or the subscribers: a WebSocket on which
 * the lab is the client, JSON text frames both ways, the same on every runtime. The lab pings five times a second;
 * a process that has heard nothing for 1 s stops its load by itself, sends its rest, and exits.
 *
 * The process listens on `LAB_CONTROL_PORT` (0 = any) at `LAB_CONTROL_HOST` (127.0.0.1 by default), accepts only
 * `?token=<LAB_CONTROL_TOKEN>`, and prints `{"control":<port>}` as its first line on stdout.
 */
import type { Caller } from '../system/architecture.ts'
import type { Customer } from './customers.ts'

/** How arrivals are spread over a phase. Rates in arrivals (customers) per second. */
export type Shape =
  | { kind: 'constant'; rate: number }
  | { kind: 'ramp'; from: number; to: number }
  | { kind: 'poisson'; rate: number }
  /** Closed loop by autocannon: as fast as `connections` allow, one order each. */
  | { kind: 'saturation'; connections: number }

export interface LoadPhase {
  name: string
  durationMs: number
  shape: Shape
  /** Instead of the plan's, while this phase is on. */
  customers?: Partial<Record<Customer, number>>
  /** Which part of all visits the noisy callers send while it is on; absent: as their shares say. */
  noisyShare?: number
}

export interface LoadPlan {
  /** `http://127.0.0.1:4321`, no path. */
  baseUrl: string
  /** `/api/v2`: orders go to `<path>/order` and `<path>/orders`. */
  path: string
  headers: Record<string, string>
  /** Who sends, each with headers of its own beside the plan's; absent or empty: nobody in particular. See callers.ts. */
  callers?: Caller[]
  seed: number
  runTag: number
  /** 0…127, unique among the injectors of a run. */
  injector: number
  /** When the first phase begins, ms since the epoch, ahead of now; phases follow without a gap. */
  startAtMs: number
  phases: LoadPhase[]
  /** Weights by profile; they need not sum to 1. */
  customers: Partial<Record<Customer, number>>
  /** Keep-alive connections at the most, opened on demand. */
  connections: number
  /** Arrivals waiting for a connection or an answer at the most; the rest is `never sent`. */
  maxOpen: number
  /** From the intended send time to giving up. */
  timeoutMs: number
  /** Attempts after the first, with the same id, when an order is refused with 503 or its fate is unknown. */
  retries: number
}

/** Cumulative since the start. Always: scheduled = ok + rejected + unknown + inFlight + neverSent. */
export interface Counts {
  scheduled: number
  /** At least one attempt was written to a socket. */
  sent: number
  ok: number
  /** 4xx or 503: nothing was written. */
  rejected: number
  /** Timeout, reset, any 5xx but 503. */
  unknown: number
  /** Gave up before any byte left (no connection free, connect refused until the timeout, open limit). */
  neverSent: number
  inFlight: number
}

/** Events by what became of them; `scheduled` is all of them once none is in flight. */
export interface Fates {
  scheduled: number
  ok: number
  rejected: number
  unknown: number
  neverSent: number
}

/** What is added up over a phase, by intended time; requests of all kinds unless said otherwise. */
export interface PhaseSums {
  /** Orders. */
  events: Fates
  /** Requests written to a socket. */
  sends: number
  /** Sum and number of the actual-send-to-answer times of requests that ended, µs. */
  serviceSumUs: number
  serviceCount: number
  /** Requests open on a socket, counted from the sockets every ~10 ms: independent of the timestamps above. */
  inFlightSum: number
  inFlightSamples: number
  /** Orders of the noisy callers and of all others, where these are told apart. */
  groups?: Record<Group, GroupSums>
}

/** Callers that send too much, and those who must not suffer for it. */
export const GROUPS = ['noisy', 'others'] as const
export type Group = (typeof GROUPS)[number]

/** `limited`: events of requests that were refused with 429. */
export interface GroupSums extends Fates {
  limited: number
}

/** Histograms are HdrHistogram V2 compressed base64, in microseconds, of what ended since the snapshot before. */
export interface PhaseSeries extends PhaseSums {
  /** Index into `LoadPlan.phases`, by *intended* time. */
  phase: number
  /** Orders: from the intended send time to the answer; timeouts and never-sent ones enter at ≥ the timeout. */
  latency?: string
  /** Orders: from the actual send of the answered attempt to its answer. */
  service?: string
  /** As `latency`, of the noisy callers alone and of all others, where these are told apart. */
  noisyLatency?: string
  othersLatency?: string
  /** Reads (browser, analyst): as `latency`. */
  readLatency?: string
  /** The injector's own lateness: from the intended time to the moment its loop handled the arrival. */
  sendLag?: string
  /** How late the injector's 1 ms timer came, every time it came while the phase was on: its event loop's delay. */
  loopDelay?: string
}

export interface InjectorSnapshot {
  type: 'snapshot'
  atMs: number
  /** Events (orders). */
  events: Counts
  /** Requests that only read. */
  reads: Counts
  /**
   * Cumulative by kind (requests): a status such as `503`, `timeout`, `reset`, `bad-reply`; never sent: `open-limit`,
   * `no-connection`, `connect` (refused until the timeout), `stopped`.
   */
  errors: Record<string, number>
  /** The beginning of the first answer's body of each kind, as the server put it. */
  errorSamples: Record<string, string>
  /** Attempts after the first. */
  retries: number
  series: PhaseSeries[]
  connections: { open: number; opened: number; dropped: number }
  /** Since the snapshot before. */
  loopDelayP99Ms: number
  cpuShare: number
  rssBytes: number
}

/** Bytes of one source's ledger that changed, see measure/ledger.ts. */
export interface LedgerPatch {
  type: 'ledger'
  source: number
  /** Events scheduled by this source so far. */
  events: number
  /** First byte of the states that `states` replaces (four events a byte). */
  fromByte: number
  /** Base64. */
  states: string
  /** First event of `times`. */
  fromEvent: number
  /** Time from which the first delta of `times` counts, ms since the epoch, so that every patch can be read alone. */
  baseMs: number
  /** Base64 of one byte an event: ms since the event before it (255: the ms follow as four bytes, little-endian). */
  times: string
}

export type FromInjector =
  | { type: 'ready'; pid: number }
  | InjectorSnapshot
  | LedgerPatch
  /** All phases over and every request answered or given up; the last snapshot and ledger went before it. */
  | { type: 'done'; invalid: string[] }
  | { type: 'error'; message: string }

export type ToInjector = { type: 'start'; plan: LoadPlan } | { type: 'ping' } | { type: 'stop' } | { type: 'exit' }

export interface SubscriberPlan {
  /** `ws://127.0.0.1:4321/ws/dashboard` */
  url: string
  headers: Record<string, string>
  count: number
  /** Connections opened per second. */
  connectRate: number
}

export interface SubscriberSnapshot {
  type: 'snapshot'
  atMs: number
  connected: number
  /** Sockets that closed without being asked to. */
  dropped: number
  messages: number
  bytes: number
  /** Times a diff did not follow from what a subscriber held, so that it asked for a full one. */
  resyncs: number
  /** Broken promises of the socket: version or count going back, totals that do not add up, a bad frame. The first 100 of the run. */
  violations: string[]
  /** What the witness (the first subscriber; while it is away another) saw since the snapshot before: [received at, ms since the epoch; count]. */
  seen: [number, number][]
  /** Smallest and largest `count` that any connected subscriber has now. */
  lowest: number
  highest: number
  cpuShare: number
  rssBytes: number
  loopDelayP99Ms: number
}

export type FromSubscribers = { type: 'ready'; pid: number } | SubscriberSnapshot | { type: 'done' } | { type: 'error'; message: string }
export type ToSubscribers = { type: 'start'; plan: SubscriberPlan } | { type: 'ping' } | { type: 'stop' } | { type: 'exit' }
