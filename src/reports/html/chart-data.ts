import type { Histogram } from '../../measure/histogram.ts'
import { mergeSeries, type PhaseRecord, type RunRecord, type TimedSample } from '../../run/record.ts'
import type { Series } from '../../run/series.ts'
import { faultLabel } from '../../run/state.ts'
import { metricLabel } from '../inside-table.ts'
import type { Band, ChartData, PageData, SeriesData, Spectrum } from './page-data.ts'

/** Four hours of seconds; of a longer run every second sample is drawn, or every third … */
const MAX_POINTS = 14_400

/** Pure: every series of a run, as the page draws them. */
export function pageData(record: RunRecord): PageData {
  const { run, state, phases } = record
  const startMs = state.loadStartAtMs ?? phases[0]?.beganAtMs ?? 0
  const samples = thinned(record.samples.filter(({ second }) => second >= 0))
  const second = (atMs: number) => round((atMs - startMs) / 1_000)
  return {
    runId: run.runId,
    seconds: samples.map((sample) => (sample.atMs === undefined ? sample.second : second(sample.atMs))),
    charts: charts(samples).filter(({ series }) => series.length > 0),
    phases: phases.map((phase): Band => ({ label: phase.name, from: second(phase.beganAtMs), to: second(phase.beganAtMs) + phase.seconds, ...(!phase.measured && { faint: true }) })),
    faults: state.faults.map((fault): Band => ({ label: faultLabel(fault), from: second(fault.injectedAtMs), ...(fault.healedAtMs !== undefined && { to: second(fault.healedAtMs) }) })),
    spectra: spectra(phases),
  }
}

function thinned(samples: readonly TimedSample[]): TimedSample[] {
  const every = Math.ceil(samples.length / MAX_POINTS)
  return samples.filter((_, index) => index % Math.max(1, every) === 0)
}

function charts(samples: readonly TimedSample[]): ChartData[] {
  const line = (name: string, of: (sample: TimedSample) => number | undefined): SeriesData => ({ name, values: samples.map((sample) => known(of(sample))) })
  const services = [...new Set(samples.flatMap((sample) => Object.keys(sample.services)))].sort()
  const grown = (of: (sample: TimedSample) => number) => (sample: TimedSample, before: TimedSample | undefined) => Math.max(0, of(sample) - (before === undefined ? 0 : of(before)))
  const between = (name: string, of: (sample: TimedSample) => number): SeriesData => {
    const growth = grown(of)
    return { name, values: samples.map((sample, index) => known(growth(sample, samples[index - 1]))) }
  }
  return [
    chart('throughput', 'Events per second', '/s', [line('offered', ({ rates }) => rates.offered), line('accepted', ({ rates }) => rates.accepted), line('stored', ({ rates }) => rates.persisted), line('reads', ({ rates }) => rates.reads)]),
    chart('latency', 'Latency of orders', 'ms', percentiles(line, ({ latency }) => latency), { says: 'Of what ended in that second, from the intended send time.', log: true }),
    chart('backlog', 'Backlog', 'events', [line('backlog', ({ backlog }) => backlog)], { says: 'Accepted, not stored yet.' }),
    chart('freshness', 'Freshness', 'ms', [line('age of the newest event on the dashboard', ({ freshnessMs }) => freshnessMs)], { log: true }),
    chart('failures', 'Failures', '/s', [
      between('rejected', ({ counts }) => counts.events.rejected),
      between('unknown', ({ counts }) => counts.events.unknown),
      between('never sent', ({ counts }) => counts.events.neverSent),
      between('failed reads', ({ counts }) => counts.reads.rejected + counts.reads.unknown + counts.reads.neverSent),
    ]),
    chart('reads', 'Latency of reads', 'ms', percentiles(line, ({ readLatency }) => readLatency), { log: true }),
    chart('cpu', 'CPU', 'cores', [...services.map((name) => line(name, (sample) => sample.services[name]?.cpu)), line('injector', ({ injector }) => injector?.cpuShare), line('lab', ({ lab }) => lab.cpu)]),
    chart('memory', 'Memory', 'MiB', [...services.map((name) => line(name, (sample) => mib(sample.services[name]?.rssBytes))), line('injector', ({ injector }) => mib(injector?.rssBytes)), line('lab', ({ lab }) => mib(lab.rssBytes))]),
    chart('replicas', 'Replicas', '', services.filter((name) => new Set(samples.map((sample) => sample.services[name]?.replicas ?? 0)).size > 1).map((name) => line(name, (sample) => sample.services[name]?.replicas ?? 0))),
    chart('injector', 'The injector itself', 'ms', [line('send lag, p99', ({ injector }) => injector?.sendLagP99Ms), line('loop delay, p99', ({ injector }) => injector?.loopDelayP99Ms)], { says: 'How late it was on its own account: the measurement is as good as this is small.' }),
    chart('machine', 'The machine', '', [line('busy, share of all cores', ({ machine }) => machine.cpuBusy), line('stolen, share of all cores', ({ machine }) => machine.stealShare), line('load', ({ machine }) => machine.load1)]),
    inside(samples),
  ]
}

function chart(id: string, title: string, unit: string, series: SeriesData[], more: Partial<ChartData> = {}): ChartData {
  return { id, title, unit, series: series.filter(({ values }) => values.some((value) => value !== null && value !== 0)), ...more }
}

function percentiles(line: (name: string, of: (sample: TimedSample) => number | undefined) => SeriesData, of: (sample: TimedSample) => TimedSample['latency']): SeriesData[] {
  return (['p50', 'p95', 'p99', 'max'] as const).map((name) => line(name, (sample) => of(sample)?.[name]))
}

function inside(samples: readonly TimedSample[]): ChartData {
  const names = [...new Set(samples.flatMap(({ metrics }) => Object.keys(metrics ?? {})))]
  const series = names
    .map((name): SeriesData => ({ name: metricLabel(name), unit: name.endsWith('_seconds') ? 's' : name.endsWith('_bytes') ? 'B' : name.endsWith('_total') ? '/s' : '', values: samples.map(({ metrics }) => known(metrics?.[name])) }))
    .sort((a, b) => a.name.localeCompare(b.name))
  return { ...chart('inside', 'Inside the system', '', series, { says: 'Told by its own processes, once a second.' }), choice: true }
}

const SPECTRA = { latency: 'orders, from the intended send time', service: 'orders, from the actual send', readLatency: 'reads, from the intended send time' } as const satisfies Partial<Record<Series, string>>
const STEPS_A_DECADE = 16
const DECADES = 6

function spectra(phases: readonly PhaseRecord[]): Spectrum[] {
  const oneIn = Array.from({ length: DECADES * STEPS_A_DECADE + 1 }, (_, step) => round(10 ** (step / STEPS_A_DECADE)))
  return (Object.keys(SPECTRA) as (keyof typeof SPECTRA)[]).flatMap((id) => {
    const measured = phases.filter((phase) => phase.measured && phase.open)
    const whole = mergeSeries(measured, id)
    if (whole === undefined || whole.totalCount === 0) return []
    const named = phases.flatMap((phase) => (phase.measured && phase.histograms[id] !== undefined ? [{ name: phase.name, histogram: phase.histograms[id] }] : []))
    const all = named.length > 1 ? [{ name: 'all open-loop phases', histogram: whole }, ...named] : named
    return [{ id, title: SPECTRA[id], oneIn, series: all.map(({ name, histogram }) => ({ name, valuesMs: oneIn.map((one) => percentileOf(histogram, one)) })) }]
  })
}

/** `null` where so few values know nothing of one in so many. */
function percentileOf(histogram: Histogram, oneIn: number): number | null {
  return oneIn > histogram.totalCount ? null : round(histogram.getValueAtPercentile(100 * (1 - 1 / oneIn)) / 1_000)
}

function mib(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / 2 ** 20
}

function known(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : round(value)
}

/** Six significant digits: nothing is measured better than that. */
function round(value: number): number {
  return Number(value.toPrecision(6))
}
