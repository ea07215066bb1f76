import type { Group } from '../load/control.ts'
import type { ExpectationResult, Percentiles } from '../run/events.ts'
import { percentilesMs } from '../measure/histogram.ts'
import type { Series } from '../run/series.ts'
import type { Accounting } from './reconcile.ts'
import { failures, mergeSeries, type PhaseRecord, type RunRecord } from '../run/record.ts'
import type { RunState } from '../run/state.ts'
import { insideFigures, type MetricFigures } from './inside.ts'
import { largest, mean, median } from './statistics.ts'
import { faultyStretches, judgeFaults, type FaultFigures } from './faults.ts'
import { spikeFigures, type SpikeFigures } from './spike.ts'
import { traceFigures, type TraceFigures } from './traces.ts'
import type { ValidityFinding } from './validity.ts'
import { whatRan, type WhatRan } from './what-ran.ts'

export const SUMMARY_VERSION = 1

/** `summary.json`: the run in figures. Fit to be committed: no paths, no host name. */
export interface Summary extends WhatRan {
  schemaVersion: typeof SUMMARY_VERSION
  baseRate: number
  validity: ValidityFinding[]
  expectations: ExpectationResult[]
  /** All measured open-loop phases as one. */
  overall?: PhaseFigures
  phases: PhaseFigures[]
  history?: RunState['seeded']
  /** Attempts to cross borders between callers, where the scenario has them. */
  trespass?: RunState['trespass']
  /** Faults as they were injected, with what clients saw. */
  faults: FaultFigures[]
  /** How long p99 and backlog took to be back, where the scenario has a spike. */
  spike?: SpikeFigures
  accounting?: Accounting
  drainSeconds?: number
  bringUpSeconds?: number
  resources: Record<string, ServiceFigures>
  /** The system's own metrics over the measured phases, by name. */
  inside: Record<string, MetricFigures>
  /** Where the time of traced events went, of an observed run. */
  traces?: TraceFigures
  /** When the lab changed the number of replicas, in seconds of the load. */
  scalings: ScalingFigures[]
  dataBytes?: Record<string, number>
  notes: string[]
}

export interface PhaseFigures {
  name: string
  measured: boolean
  seconds: number
  offeredPerSecond: number
  acceptedPerSecond: number
  /** Largest one-second sample. */
  peakAcceptedPerSecond: number
  persistedPerSecond?: number
  latencyMs?: Percentiles
  serviceMs?: Percentiles
  readLatencyMs?: Percentiles
  /** Dashboard and analytics requests answered well. */
  readsPerSecond: number
  sendLagMs?: Percentiles
  errors: number
  peakBacklog?: number
  freshnessP50Ms?: number
  /** Orders of the noisy callers and of all others, where these are told apart. */
  groups?: Record<Group, GroupFigures>
}

export interface GroupFigures {
  offeredPerSecond: number
  latencyMs?: Percentiles
  /** Events refused with 429. */
  limited: number
  errors: number
}

export interface ServiceFigures {
  /** In cores, over the measured phases. */
  meanCpu: number
  maxCpu: number
  maxRssBytes: number
  replicas: number
  /** CPU-milliseconds per thousand events stored. */
  cpuMsPerThousand?: number
}

export function summarise(record: RunRecord): Summary {
  const { run, state } = record
  const open = record.phases.filter((phase) => phase.measured && phase.open)
  return {
    schemaVersion: SUMMARY_VERSION,
    ...whatRan(record, state.services),
    baseRate: run.baseRate,
    validity: state.verdict?.validity ?? [],
    expectations: state.verdict?.expectations ?? [],
    overall: open.length === 0 ? undefined : overall(open),
    phases: record.phases.map(figures),
    faults: judgeFaults(record),
    spike: spikeFigures(state),
    trespass: state.trespass,
    history: state.seeded,
    accounting: state.accounting,
    drainSeconds: state.settle && state.settle.tookMs / 1_000,
    bringUpSeconds: largest(state.services.flatMap((service) => service.tookMs ?? []))! / 1_000 || undefined,
    resources: resources(record),
    inside: insideFigures(record.phases.filter((phase) => phase.measured)),
    traces: traceFigures(record),
    scalings: scalings(record),
    dataBytes: record.dataBytes,
    notes: [...state.notes.map((note) => note.says), ...steadiness(open.filter((phase) => !isFaulty(phase, record)))],
  }
}

function figures(phase: PhaseRecord): PhaseFigures {
  const { samples, sums } = phase
  const persisted = samples.map((sample) => sample.rates.persisted).filter((rate) => rate !== undefined)
  const fresh = samples.map((sample) => sample.freshnessMs).filter((ms) => ms !== undefined)
  return {
    name: phase.name,
    measured: phase.measured,
    seconds: phase.seconds,
    offeredPerSecond: (sums?.events.scheduled ?? 0) / phase.seconds,
    acceptedPerSecond: (sums?.events.ok ?? 0) / phase.seconds,
    peakAcceptedPerSecond: largest(samples.map((sample) => sample.rates.accepted)) ?? 0,
    persistedPerSecond: persisted.length === 0 ? undefined : mean(persisted),
    latencyMs: phase.latencyMs,
    serviceMs: phase.serviceMs,
    readLatencyMs: phase.readLatencyMs,
    readsPerSecond: mean(samples.map((sample) => sample.rates.reads)),
    sendLagMs: phase.sendLagMs,
    errors: sums === undefined ? 0 : failures(sums.events),
    peakBacklog: largest(samples.map((sample) => sample.backlog).filter((backlog) => backlog !== undefined)),
    freshnessP50Ms: fresh.length === 0 ? undefined : median(fresh),
    ...(sums?.groups && { groups: { noisy: groupFigures(phase, 'noisy'), others: groupFigures(phase, 'others') } }),
  }
}

function groupFigures({ sums, seconds, histograms }: PhaseRecord, group: Group): GroupFigures {
  const counts = sums!.groups![group]
  const latency = histograms[`${group}Latency`]
  return { offeredPerSecond: counts.scheduled / seconds, latencyMs: latency && percentilesMs(latency), limited: counts.limited, errors: failures(counts) }
}

function overall(phases: PhaseRecord[]): PhaseFigures {
  const samples = phases.flatMap((phase) => phase.samples)
  const whole: PhaseRecord = {
    ...phases[0]!,
    name: 'overall',
    samples,
    seconds: phases.reduce((sum, phase) => sum + phase.seconds, 0),
    latencyMs: merged(phases, 'latency'),
    serviceMs: merged(phases, 'service'),
    readLatencyMs: merged(phases, 'readLatency'),
    sendLagMs: merged(phases, 'sendLag'),
  }
  const parts = phases.map(figures)
  const { groups: _ofTheFirst, ...wholeFigures } = figures(whole)
  const weighted = (rate: (part: PhaseFigures) => number) => parts.reduce((sum, part) => sum + rate(part) * part.seconds, 0) / whole.seconds
  return {
    ...wholeFigures,
    offeredPerSecond: weighted((part) => part.offeredPerSecond),
    acceptedPerSecond: weighted((part) => part.acceptedPerSecond),
    errors: parts.reduce((sum, part) => sum + part.errors, 0),
  }
}

function merged(phases: PhaseRecord[], series: Series): Percentiles | undefined {
  const histogram = mergeSeries(phases, series)
  return histogram && percentilesMs(histogram)
}

function resources(record: RunRecord): Summary['resources'] {
  const samples = record.phases.filter((phase) => phase.measured).flatMap((phase) => phase.samples)
  const names = [...new Set(samples.flatMap((sample) => Object.keys(sample.services)))]
  const first = samples[0]?.stored
  const last = samples.at(-1)?.stored
  const stored = first === undefined || last === undefined ? 0 : last - first
  return Object.fromEntries(
    names.map((name) => {
      const mine = samples.map((sample) => sample.services[name]).filter((service) => service !== undefined)
      const meanCpu = mean(mine.map((service) => service.cpu))
      return [
        name,
        {
          meanCpu,
          maxCpu: largest(mine.map((service) => service.cpu)) ?? 0,
          maxRssBytes: largest(mine.map((service) => service.rssBytes)) ?? 0,
          replicas: largest(mine.map((service) => service.replicas)) ?? 0,
          cpuMsPerThousand: stored > 0 ? (meanCpu * samples.length * 1_000 * 1_000) / stored : undefined,
        },
      ]
    }),
  )
}

export interface ScalingFigures {
  second: number
  service: string
  from: number
  to: number
  says: string
}

function scalings({ state }: RunRecord): ScalingFigures[] {
  return state.scalings.map(({ atMs, ...rest }) => ({ second: Math.round((atMs - (state.loadStartAtMs ?? atMs)) / 1_000), ...rest }))
}

function isFaulty({ beganAtMs, seconds }: PhaseRecord, record: RunRecord): boolean {
  return faultyStretches(record).some(({ fromMs, toMs }) => fromMs < beganAtMs + seconds * 1_000 && toMs > beganAtMs)
}

const STEADY_TOLERANCE = 0.1

/** Says where a constant phase shows no steady state: its two halves differ. */
function steadiness(phases: PhaseRecord[]): string[] {
  return phases.flatMap((phase) => {
    const rates = phase.samples.map((sample) => sample.rates.persisted ?? sample.rates.accepted)
    const offered = phase.samples.map((sample) => sample.rates.offered)
    if (rates.length < 8 || !isFlat(offered)) return []
    return isFlat(rates) ? [] : [`no steady state in ${phase.name}: its second half differs from its first by more than ${STEADY_TOLERANCE * 100} %`]
  })
}

function isFlat(values: number[]): boolean {
  const half = values.length >> 1
  const first = median(values.slice(0, half))
  const second = median(values.slice(half))
  return Math.abs(second - first) <= STEADY_TOLERANCE * Math.max(first, second, 1)
}
