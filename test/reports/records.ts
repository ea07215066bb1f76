import { newHistogram, percentilesMs, recordUs } from '../../src/measure/histogram.ts'
import type { Counts } from '../../src/load/control.ts'
import type { RunEvent, RunStarted, Sample } from '../../src/run/events.ts'
import type { PhaseRecord, RunRecord } from '../../src/run/record.ts'
import { initialState, reduce } from '../../src/run/state.ts'
import type { Accounting } from '../../src/reports/reconcile.ts'
import { spike } from '../../src/scenarios/spike.ts'

/** Hand-made records of runs: a good one, to be changed where a test wants it bad. */
export const NO_COUNTS: Counts = { scheduled: 0, sent: 0, ok: 0, rejected: 0, unknown: 0, neverSent: 0, inFlight: 0 }

export const STARTED: RunStarted = {
  type: 'run-started',
  schemaVersion: 1,
  runId: 'r1',
  scenario: spike,
  baseRate: 500,
  architecture: 'v2',
  title: 'Redis Streams',
  flow: 'POST → store',
  knobs: { batch: 500 },
  guarantee: { level: 'effectively-once', says: 'Nothing is lost.', mayLose: false },
  runtime: 'local',
  seed: 1,
  runTag: 2,
  commandLine: './lab run spike --arch v2',
  versions: { node: '24' },
  machine: { cpuModel: 'CPU', cores: 2, memoryBytes: 2 ** 34, kernel: '6', placement: 'shared' },
}

export const EXACT: Accounting = {
  scheduled: 1_000, ok: 1_000, rejected: 0, unknown: 0, neverSent: 0, stored: 1_000,
  lost: 0, lostExcused: 0, duplicated: 0, phantom: 0, unexpected: 0, altered: 0, recovered: 0, miscounted: [],
  examples: { lost: [], duplicated: [], phantom: [], unexpected: [], altered: [] },
  neverVisible: 0,
}

export function sampleAt(second: number, patch: Partial<Sample> = {}): Sample {
  return {
    type: 'sample',
    second,
    phase: 'hold',
    rates: { offered: 100, sent: 100, accepted: 100, persisted: 100, reads: 0 },
    counts: { events: { ...NO_COUNTS, scheduled: 100 * second, sent: 100 * second, ok: 100 * second }, reads: NO_COUNTS },
    errors: {},
    stored: 100 * second,
    backlog: 0,
    injector: { cpuShare: 0.2, loopDelayP99Ms: 1, sendLagP99Ms: 1, rssBytes: 1e8, connections: 10 },
    services: { postgres: { cpu: 0.3, rssBytes: 1e8, replicas: 1 } },
    lab: { cpu: 0.05, rssBytes: 1e8 },
    machine: { cpuBusy: 0.4, stealShare: 0, load1: 1 },
    ...patch,
  }
}

export function latencies(...us: number[]) {
  const histogram = newHistogram()
  for (const value of us) recordUs(histogram, value)
  return histogram
}

export function phaseRecord(patch: Partial<PhaseRecord> = {}): PhaseRecord {
  const histograms = patch.histograms ?? { latency: latencies(2_000, 3_000, 20_000), service: latencies(2_000), sendLag: latencies(500, 900) }
  return {
    name: 'hold',
    measured: true,
    open: true,
    seconds: 10,
    beganAtMs: 0,
    samples: Array.from({ length: 10 }, (_, i) => sampleAt(i + 1)),
    // 100 requests a second at 20 ms each: two in flight.
    sums: { type: 'phase-measured', phase: 'hold', index: 3, events: { scheduled: 1_000, ok: 1_000, rejected: 0, unknown: 0, neverSent: 0 }, sends: 1_000, serviceSumUs: 20e6, serviceCount: 1_000, inFlightSum: 2_000, inFlightSamples: 1_000 },
    histograms,
    latencyMs: histograms.latency && percentilesMs(histograms.latency),
    serviceMs: histograms.service && percentilesMs(histograms.service),
    sendLagMs: histograms.sendLag && percentilesMs(histograms.sendLag),
    loopDelayMs: histograms.loopDelay && percentilesMs(histograms.loopDelay),
    ...patch,
  }
}

export function runRecord(patch: Partial<RunRecord> & { events?: object[]; accounting?: Partial<Accounting> } = {}): RunRecord {
  const { events = [], accounting, ...rest } = patch
  const told = [
    STARTED,
    { type: 'settled', tookMs: 800, backlog: 0, drained: true },
    { type: 'accounted', accounting: { ...EXACT, ...accounting } },
    ...events,
  ] as RunEvent[]
  const phases = rest.phases ?? [phaseRecord()]
  const counts = { ...NO_COUNTS, scheduled: 1_000, sent: 1_000, ok: 1_000 }
  return {
    folder: 'results/r1',
    run: STARTED,
    state: told.map((event, i) => ({ ...event, atMs: 1_000 + i })).reduce(reduce, initialState),
    samples: phases.flatMap((phase) => phase.samples),
    injected: { type: 'injected', atMs: 0, counts: { events: counts, reads: NO_COUNTS }, errors: {}, retries: 0, invalid: [] },
    watched: { type: 'watched', atMs: 0, subscribers: 20, messages: 10, bytes: 10, dropped: 0, violations: [], lowest: 1_000, highest: 1_000 },
    deaths: [],
    ...rest,
    phases,
  }
}
