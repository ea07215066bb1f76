import { metricsOf, MIN_EVENTS_FOR_BYTES } from '../compare/metrics.ts'
import { mean } from '../statistics.ts'
import { summarise } from '../summarise.ts'
import type { Percentiles, Sample } from '../../run/events.ts'
import { doubtsOf } from '../validity.ts'
import type { RunRecord } from '../../run/record.ts'

/** One run of the matrix in the figures that are compared. */
export interface Cell {
  runId: string
  architecture: string
  scenario: string
  outcome: 'passed' | 'failed' | 'invalid'
  /** What of its figures can be believed: an injector that was late falsifies latencies, and nothing else. */
  believed: 'all' | 'all but latencies' | 'nothing'
  /** Why not passed. */
  reason?: string
  guarantee: string
  /** Accepted per second when a closed loop took all it got. */
  saturationPerSecond?: number
  /** Of a search: the highest rate that holds, and the lowest that does not. */
  capacity?: { pass?: number; fail?: number }
  peakAcceptedPerSecond: number
  /** Mean share of all cores that was busy in the closed loop. */
  busyAtSaturation?: number
  /** The part of it that system, injector and lab were; the rest was somebody else. */
  oursAtSaturation?: number
  latencyMs?: Percentiles
  readLatencyMs?: Percentiles
  freshnessMs?: Percentiles
  accepted: number
  lost: number
  lostExcused: number
  drainSeconds?: number
  faults: { fault: string; recoveredAfterSeconds?: number; met: boolean | 'not judged' }[]
  cpuSecondsPerMillion?: number
  bytesPerEvent?: number
  /** All services at their largest. */
  memoryBytes: number
  services: string[]
}

/** The highest rate that an architecture was seen to take. */
export function seenPerSecond(cells: readonly Cell[]): number {
  return Math.max(0, ...cells.flatMap(({ capacity, saturationPerSecond, peakAcceptedPerSecond }) => [capacity?.pass ?? 0, saturationPerSecond ?? 0, peakAcceptedPerSecond]))
}

/** Throws nothing: what a run did not measure is absent. */
export function cellOf(record: RunRecord): Cell {
  const summary = summarise(record)
  const metric = (id: string) => metricsOf(record).find((one) => one.id === id)?.value
  const { accounting, verdict, overall } = summary
  const closed = record.phases.filter((phase) => !phase.open).flatMap(({ samples }) => samples)
  const searched = record.state.search?.searched
  const { grave, late } = doubtsOf(summary.validity)
  const bytes = Object.values(summary.dataBytes ?? {}).reduce((sum, size) => sum + size, 0)
  const stored = (accounting?.stored ?? 0) + (accounting?.history?.stored ?? 0)
  return {
    runId: summary.runId,
    architecture: summary.architecture,
    scenario: summary.scenario,
    outcome: (verdict?.outcome ?? 'failed') as Cell['outcome'],
    believed: grave !== undefined ? 'nothing' : late !== undefined ? 'all but latencies' : 'all',
    ...(verdict?.reasons[0] !== undefined && { reason: verdict.reasons[0] }),
    guarantee: summary.guarantee.level,
    ...(searched && { capacity: { pass: searched.pass?.rate, fail: searched.fail?.rate } }),
    saturationPerSecond: metric('saturation'),
    peakAcceptedPerSecond: Math.max(0, ...summary.phases.map((phase) => phase.peakAcceptedPerSecond)),
    ...(closed.length > 0 && { busyAtSaturation: mean(closed.map(({ machine }) => machine.cpuBusy)), oursAtSaturation: mean(closed.map(ourCpu)) / summary.machine.cores }),
    latencyMs: overall?.latencyMs,
    readLatencyMs: overall?.readLatencyMs,
    freshnessMs: accounting?.freshnessMs,
    accepted: accounting?.ok ?? 0,
    lost: accounting?.lost ?? 0,
    lostExcused: accounting?.lostExcused ?? 0,
    drainSeconds: summary.drainSeconds,
    faults: summary.faults.map(({ fault, service, recoveredAfterSeconds, met }) => ({ fault: `${fault} ${service}`, ...(recoveredAfterSeconds !== undefined && { recoveredAfterSeconds }), met })),
    // Milliseconds per thousand are seconds per million.
    cpuSecondsPerMillion: metric('cpu'),
    ...(bytes > 0 && stored >= MIN_EVENTS_FOR_BYTES && { bytesPerEvent: bytes / stored }),
    memoryBytes: Object.values(summary.resources).reduce((sum, { maxRssBytes }) => sum + maxRssBytes, 0),
    services: Object.keys(summary.resources).sort(),
  }
}

function ourCpu({ services, lab, injector, subscribers }: Sample): number {
  return Object.values(services).reduce((sum, { cpu }) => sum + cpu, 0) + lab.cpu + (injector?.cpuShare ?? 0) + (subscribers?.cpuShare ?? 0)
}
