import { percentilesMs } from '../../measure/histogram.ts'
import { mergeSeries, type PhaseRecord, type RunRecord, type TimedSample } from '../../run/record.ts'

/** What a change can move. Every value of a run that lacks none is above 0. */
export interface Metric {
  /** `saturation`, `cpu.worker` … */
  id: string
  name: string
  unit: string
  better: 'higher' | 'lower'
  /** Smaller changes are nobody's business: share of the value. */
  floor: number
  /** Falsified by an injector that was late. */
  isLatency?: boolean
}

export interface MetricValue extends Metric {
  value: number
}

export const FLOOR = 0.05
/** Latencies scatter more: with a floor of 10 % a p99 that rose by 10 % was found only half the time. */
export const LATENCY_FLOOR = 0.15

/** A p99 of fewer is one of the ten slowest at best. */
const MIN_EVENTS_FOR_P99 = 1_000
/** Reads are worth a verdict where they are at least this part of the orders. */
const MIN_READ_SHARE = 0.1
/** So many samples with a real backlog make a rate. */
const MIN_DRAIN_SAMPLES = 2

/** The figures of one run that are compared, those it has. */
export function metricsOf(record: RunRecord): MetricValue[] {
  const found: (MetricValue | undefined)[] = [
    higher('capacity', 'highest rate that holds', 'events/s', record.state.search?.searched?.pass?.rate),
    higher('saturation', 'saturation: accepted orders', 'events/s', saturationRate(record)),
    higher('drain', 'drain: stored while there was a backlog', 'events/s', drainRate(record)),
    ...cpuPerEvent(record),
    ...latencies(record),
    lower('bytes', 'bytes on disk per event, fixed part included', 'B', bytesPerEvent(record), FLOOR),
  ]
  return found.filter((metric) => metric !== undefined && Number.isFinite(metric.value) && metric.value > 0) as MetricValue[]
}

function higher(id: string, name: string, unit: string, value: number | undefined): MetricValue | undefined {
  return value === undefined ? undefined : { id, name, unit, better: 'higher', floor: FLOOR, value }
}

function lower(id: string, name: string, unit: string, value: number | undefined, floor: number): MetricValue | undefined {
  return value === undefined ? undefined : { id, name, unit, better: 'lower', floor, value }
}

function saturationRate({ phases }: RunRecord): number | undefined {
  const closed = phases.filter((phase) => phase.measured && !phase.open && phase.sums !== undefined)
  const seconds = closed.reduce((sum, phase) => sum + phase.seconds, 0)
  return seconds === 0 ? undefined : closed.reduce((sum, phase) => sum + phase.sums!.events.ok, 0) / seconds
}

/** Over the seconds that began and ended with more waiting than was stored in them: the consumers did all they could. */
function drainRate({ samples }: RunRecord): number | undefined {
  let events = 0
  let seconds = 0
  let count = 0
  for (const [before, after] of neighbours(samples)) {
    if (before.stored === undefined || after.stored === undefined || before.backlog === undefined || after.backlog === undefined) continue
    const stored = after.stored - before.stored
    if (stored <= 0 || Math.min(before.backlog, after.backlog) < stored) continue
    events += stored
    seconds += (after.atMs! - before.atMs!) / 1_000
    count += 1
  }
  return count < MIN_DRAIN_SAMPLES ? undefined : events / seconds
}

/** CPU time of each service over all that was stored after the warm-up, the settling included: what is done later is not done for nothing. */
function cpuPerEvent({ samples, phases }: RunRecord): (MetricValue | undefined)[] {
  const fromMs = phases.find((phase) => phase.measured)?.beganAtMs
  if (fromMs === undefined) return []
  const cpuMs = new Map<string, number>()
  let stored = 0
  for (const [before, after] of neighbours(samples)) {
    if (before.atMs! < fromMs || before.stored === undefined || after.stored === undefined) continue
    stored += after.stored - before.stored
    for (const [service, { cpu }] of Object.entries(after.services)) cpuMs.set(service, (cpuMs.get(service) ?? 0) + cpu * (after.atMs! - before.atMs!))
  }
  if (stored <= 0) return []
  const all = [...cpuMs.values()].reduce((sum, ms) => sum + ms, 0)
  const metric = (id: string, name: string, ms: number) => lower(id, `CPU of ${name}`, 'ms/1,000 events', (ms / stored) * 1_000, FLOOR)
  // Of a system of one service, the one is the whole.
  const each = cpuMs.size === 1 ? [] : [...cpuMs]
  return [metric('cpu', 'the whole system', all), ...each.map(([service, ms]) => metric(`cpu.${service}`, service, ms))]
}

/** At constant rates only: there the share of the capacity is fixed by the scenario. */
function latencies({ phases, run, state }: RunRecord): (MetricValue | undefined)[] {
  const constant = new Set(run.scenario.phases.flatMap(({ name, shape }) => (shape.kind === 'constant' || shape.kind === 'poisson' ? [name] : [])))
  const steady = phases.filter((phase) => phase.measured && phase.open && constant.has(phase.name))
  const orders = percentilesOver(steady, 'latency')
  const reads = percentilesOver(steady, 'readLatency')
  const visible = state.accounting?.freshnessMs
  const ofReads = reads !== undefined && reads.count >= Math.max(MIN_EVENTS_FOR_P99, MIN_READ_SHARE * (orders?.count ?? 0)) ? reads : undefined
  const ofOrders = orders !== undefined && orders.count >= MIN_EVENTS_FOR_P99 ? orders : undefined
  const ms = (id: string, name: string, value: number | undefined) => {
    const metric = lower(id, name, 'ms', value, LATENCY_FLOOR)
    return metric && { ...metric, isLatency: true }
  }
  return [
    ms('p50', 'latency of orders at constant load, p50', ofOrders?.p50),
    ms('p99', 'latency of orders at constant load, p99', ofOrders?.p99),
    ms('readP99', 'latency of reads at constant load, p99', ofReads?.p99),
    ms('visible', 'on the dashboard after, p50', visible !== undefined && visible.count > 0 ? visible.p50 : undefined),
  ]
}

function percentilesOver(phases: readonly PhaseRecord[], series: 'latency' | 'readLatency') {
  const merged = mergeSeries(phases, series)
  return merged && percentilesMs(merged)
}

/** An empty database takes some 50 MB: of fewer events the bytes are mostly its own. */
export const MIN_EVENTS_FOR_BYTES = 100_000

/** Not where a closed loop decides how many events share the fixed part. */
function bytesPerEvent({ dataBytes, phases, state: { accounting } }: RunRecord): number | undefined {
  if (dataBytes === undefined || accounting === undefined || phases.some((phase) => !phase.open)) return undefined
  const events = accounting.stored + (accounting.history?.stored ?? 0)
  return events < MIN_EVENTS_FOR_BYTES ? undefined : Object.values(dataBytes).reduce((sum, bytes) => sum + bytes, 0) / events
}

function neighbours(samples: readonly TimedSample[]): [TimedSample, TimedSample][] {
  const timed = samples.filter((sample) => sample.atMs !== undefined)
  return timed.slice(1).map((sample, i) => [timed[i]!, sample])
}
