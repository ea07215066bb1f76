import type { LoadPlan } from '../load/control.ts'
import { percentileMs } from '../measure/histogram.ts'
import type { Behaviour } from './behaviours.ts'
import type { Evidence } from './evidence.ts'
import { arrivalsOf, littleCheck, percentileChecks, same, stallLatenciesMs, within, type Check } from './judge.ts'
import type { ServerReport } from './known-answer.ts'

/** One load against one server with a known answer, as data. */
export interface InjectorCase {
  name: string
  /** In one line, for the result. */
  says: string
  /** Cases of a wave run at the same time: those that judge by the clock apart from those that count. */
  wave: 1 | 2
  /** `refused`: a port where nobody listens. Times in ms since the epoch, given when the load begins. */
  server(startAtMs: number): Behaviour | { kind: 'refused' }
  plan: Pick<LoadPlan, 'phases'> & Partial<LoadPlan>
  /** Answers may be disbelieved: what the server answered may stay unknown. */
  mayDisbelieve?: boolean
  /** Beside the accounting, which is checked always. */
  judge(evidence: Evidence, server: ServerReport): Check[]
}

const constant = (rate: number, durationMs: number): LoadPlan['phases'] => [{ name: 'constant', durationMs, shape: { kind: 'constant', rate } }]
const saturation = (connections: number, durationMs: number): LoadPlan['phases'] => [
  { name: 'saturation', durationMs, shape: { kind: 'saturation', connections } },
]
const STALL = { fromMs: 2_000, toMs: 5_000 }
const durationMs = (plan: Pick<LoadPlan, 'phases'>) => plan.phases.reduce((sum, phase) => sum + phase.durationMs, 0)
const answeredOk = (server: ServerReport) => server.seen.filter(({ answers }) => answers.some((status) => status < 300)).length
const allOk = (evidence: Evidence) => same('scheduled events ok', evidence.last.events.scheduled, evidence.last.events.ok)
const allArrive = (evidence: Evidence) =>
  same('arrivals as the schedule says', arrivalsOf(evidence.plan), evidence.latency.totalCount + evidence.readLatency.totalCount)
/** Shows what went wrong where nothing may. */
const noFailures = (evidence: Evidence) => same('failed requests by kind', '{}', JSON.stringify(evidence.last.errors))
const some = (says: string, measured: number): Check => ({ says, expected: '> 0', measured: String(measured), ok: measured > 0 })

export const INJECTOR_CASES: InjectorCase[] = [
  {
    name: 'constant delay',
    says: 'every answer after 50 ms, 200/s',
    wave: 1,
    server: () => ({ kind: 'delay', delayMs: 50 }),
    plan: { phases: constant(200, 5_000) },
    judge: (evidence) => [
      allOk(evidence),
      allArrive(evidence),
      noFailures(evidence),
      // A timer may fire 1 ms early; late, it and the send tick take 2 ms, more on a busy machine.
      within('latency p50', 50, percentileMs(evidence.latency, 50), 1, 6),
      within('latency p95', 50, percentileMs(evidence.latency, 95), 1, 30),
      within('service time p50', 50, percentileMs(evidence.service, 50), 1, 5),
      littleCheck(evidence, durationMs(evidence.plan), 0.1),
    ],
  },
  {
    name: 'stall',
    says: 'no answer for 3 s in the middle, 100/s over 20 connections; the percentiles follow from the schedule',
    wave: 1,
    server: (startAtMs) => ({ kind: 'stall', fromMs: startAtMs + STALL.fromMs, toMs: startAtMs + STALL.toMs }),
    plan: { phases: constant(100, 8_000), connections: 20 },
    judge: (evidence) => {
      const { startAtMs } = evidence.plan
      const known = stallLatenciesMs(evidence.plan, startAtMs + STALL.fromMs, startAtMs + STALL.toMs)
      return [allOk(evidence), allArrive(evidence), ...percentileChecks('latency', evidence.latency, known, [50, 75, 90, 99, 100], 75)]
    },
  },
  {
    name: 'closed loop',
    says: '10 connections, every answer after 20 ms',
    wave: 1,
    server: () => ({ kind: 'delay', delayMs: 20 }),
    plan: { phases: saturation(10, 3_000) },
    judge: (evidence, server) => [
      allOk(evidence),
      same('reasons against the run', 0, evidence.invalid.length),
      same('events that the server answered', evidence.last.events.ok, answeredOk(server)),
      within('service time p50', 20, percentileMs(evidence.service, 50), 1, 5),
      // Always busy: orders × time each = connections × duration (and the last ones' answers).
      within('orders × mean service time', 10 * 3_000, evidence.sums.serviceSumUs / 1000, 1_500, 1_500, 'connection-ms'),
      littleCheck(evidence, 3_000, 0.1),
    ],
  },
  {
    name: 'connections closed',
    says: 'all connections closed every second, with what waits on them; 30 ms each, 200/s',
    wave: 2,
    server: () => ({ kind: 'closing', everyMs: 1_000, delayMs: 30 }),
    plan: { phases: constant(200, 3_500) },
    judge: (evidence, server) => [
      allArrive(evidence),
      same('events ok, answered by the server', answeredOk(server), evidence.last.events.ok),
      some('events unknown', evidence.last.events.unknown),
      // A reply paired with an earlier request would show here first: autocannon's p50 is six times too long in this case.
      within('service time p50', 30, percentileMs(evidence.service, 50), 1, 15),
    ],
  },
  {
    name: 'connections closed, retried',
    says: 'the same with three retries of the same id: nothing stays unknown',
    wave: 2,
    server: () => ({ kind: 'closing', everyMs: 1_000, delayMs: 30 }),
    plan: { phases: constant(200, 3_500), retries: 3 },
    judge: (evidence) => [
      allOk(evidence),
      allArrive(evidence),
      some('attempts repeated', evidence.last.retries),
    ],
  },
  {
    name: 'errors',
    says: '1 % 500 (unknown), 1 % 400 (rejected), by the count of the server; all customers, Poisson',
    wave: 2,
    server: () => ({ kind: 'errors' }),
    plan: {
      phases: [{ name: 'poisson', durationMs: 3_500, shape: { kind: 'poisson', rate: 300 } }],
      customers: { commuter: 6, office: 2, browser: 1, analyst: 1 },
    },
    judge: (evidence, server) => [
      allArrive(evidence),
      same('requests received', evidence.sums.sends, server.requests),
      same('answers 500', Math.ceil(server.requests / 100), evidence.last.errors['500'] ?? 0),
      same('answers 400', Math.ceil((server.requests - 50) / 100), evidence.last.errors['400'] ?? 0),
      same('events rejected', server.seen.filter(({ answers }) => answers[0] === 400).length, evidence.last.events.rejected),
      same('events unknown', server.seen.filter(({ answers }) => answers[0] === 500).length, evidence.last.events.unknown),
    ],
  },
  {
    name: 'forms of replies',
    says: 'split over packets, chunked, after 100 Continue, 204, until the end of the stream, Connection: close, HTTP/1.0; a ramp',
    wave: 2,
    server: () => ({ kind: 'forms' }),
    plan: { phases: [{ name: 'ramp', durationMs: 3_500, shape: { kind: 'ramp', from: 20, to: 300 } }] },
    judge: (evidence, server) => [
      allOk(evidence),
      allArrive(evidence),
      same('requests received', evidence.sums.sends, server.requests),
      same('connections dropped unannounced', 0, evidence.last.connections.dropped),
      noFailures(evidence),
    ],
  },
  {
    name: 'refused once',
    says: '503 with Retry-After: 1, then 202; two retries',
    wave: 2,
    server: () => ({ kind: 'refuse', refusals: 1, retryAfterS: 1 }),
    plan: { phases: constant(100, 2_500), retries: 2 },
    judge: (evidence, server) => [
      allOk(evidence),
      same('events that came exactly twice', evidence.last.events.scheduled, server.seen.filter(({ atMs }) => atMs.length === 2).length),
      // Clocks of whole ms on both ends.
      same('retries sooner than Retry-After', 0, server.seen.filter(({ atMs: [first = 0, second = 0] }) => second - first < 999).length),
      within('shortest latency', 1_000, evidence.latency.minNonZeroValue / 1000, 2, 200),
    ],
  },
  {
    name: 'refused',
    says: '503 always, no retries: all rejected',
    wave: 2,
    server: () => ({ kind: 'refuse', refusals: 99, retryAfterS: 1 }),
    plan: { phases: constant(100, 2_500) },
    judge: (evidence) => [
      allArrive(evidence),
      same('scheduled events rejected', evidence.last.events.scheduled, evidence.last.events.rejected),
      same('answers 503', evidence.last.events.scheduled, evidence.last.errors['503'] ?? 0),
    ],
  },
  {
    name: 'no answer',
    says: 'never an answer, timeout 1 s, 50/s, 30 open at the most: what was sent is unknown, the rest never sent',
    wave: 2,
    server: () => ({ kind: 'silent' }),
    plan: { phases: constant(50, 3_000), connections: 20, maxOpen: 30, timeoutMs: 1_000 },
    judge: (evidence, server) => [
      allArrive(evidence),
      same('events unknown, received by the server', server.seen.length, evidence.last.events.unknown),
      same('the rest never sent', evidence.last.events.scheduled - server.seen.length, evidence.last.events.neverSent),
      // A connection given up is free again: the other 90 are sent, though only 20 can wait for their answers at a time.
      within('received by the server', 90, server.seen.length, 6, 6, 'events'),
      // 30 are open after 0.6 s, so of each second's 50 arrivals 20 find no room.
      within('never sent for the limit on open ones', 60, evidence.last.errors['open-limit'] ?? 0, 6, 6, 'events'),
      within('shortest latency', 1_000, evidence.latency.minNonZeroValue / 1000, 1, 100),
      within('longest latency', 1_000, percentileMs(evidence.latency, 100), 1, 150),
    ],
  },
  {
    name: 'nobody there',
    says: 'connections refused, timeout 1 s: nothing was ever sent',
    wave: 2,
    server: () => ({ kind: 'refused' }),
    plan: { phases: constant(100, 2_000), timeoutMs: 1_000 },
    judge: (evidence) => [
      allArrive(evidence),
      same('scheduled events never sent', evidence.last.events.scheduled, evidence.last.events.neverSent),
      same('given up for want of a connection', evidence.last.events.scheduled, evidence.last.errors.connect ?? 0),
      within('shortest latency', 1_000, evidence.latency.minNonZeroValue / 1000, 1, 100),
    ],
  },
  {
    name: 'closed loop, connections closed',
    says: 'autocannon mispairs replies after a drop: the run must be invalid, and no event ok that was not answered',
    wave: 2,
    server: () => ({ kind: 'closing', everyMs: 1_000, delayMs: 30 }),
    plan: { phases: saturation(10, 2_500) },
    mayDisbelieve: true,
    judge: (evidence) => [some('reasons against the run', evidence.invalid.length)],
  },
]
