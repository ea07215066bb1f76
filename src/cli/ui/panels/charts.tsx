import type { Sample } from '../../../run/events.ts'
import { faultLabel, type RunState } from '../../../run/state.ts'
import { dotChart, type Band, type Series } from '../../../reports/chart.ts'
import { shortNumber } from '../../../reports/chart-scale.ts'
import { clean, type Line } from '../cells.ts'
import { elapsedSeconds, failures, phaseBounds, plannedSeconds } from '../facts.ts'
import { clock } from '../format.ts'
import { Pane, type PanelProps } from '../pane.tsx'
import { SERIES_STYLES } from '../theme.ts'

interface Chart {
  title: string
  scale?: 'log'
  /** Drawn in this order, later ones over earlier ones. */
  series: { name: string; of(sample: Sample, before: Sample | undefined): number | undefined }[]
}

const perSecond = (total: (sample: Sample) => number) => (sample: Sample, before: Sample | undefined) =>
  before && sample.second > before.second ? Math.max(0, (total(sample) - total(before)) / (sample.second - before.second)) : undefined

export const CHARTS: readonly Chart[] = [
  {
    title: 'events per second',
    series: [
      { name: 'offered', of: ({ rates }) => rates.offered },
      { name: 'sent', of: ({ rates }) => rates.sent },
      { name: 'accepted', of: ({ rates }) => rates.accepted },
      { name: 'persisted', of: ({ rates }) => rates.persisted },
    ],
  },
  {
    title: 'latency ms, log scale',
    scale: 'log',
    series: (['p50', 'p95', 'p99', 'max'] as const).map((part) => ({ name: part, of: ({ latency }) => latency?.[part] })),
  },
  { title: 'backlog, events', series: [{ name: 'backlog', of: ({ backlog }) => backlog }] },
  { title: 'freshness ms', series: [{ name: 'freshness', of: ({ freshnessMs }) => freshnessMs }] },
  { title: 'failed events per second', series: [{ name: 'failed', of: perSecond(({ counts }) => failures(counts.events)) }] },
  {
    title: 'CPU, % of a core',
    series: [
      { name: 'lab', of: ({ lab }) => lab.cpu * 100 },
      { name: 'injector', of: ({ injector }) => (injector ? injector.cpuShare * 100 : undefined) },
      {
        name: 'services',
        of: ({ services }) => Object.values(services).reduce<number | undefined>((sum, { cpu }) => (sum ?? 0) + cpu * 100, undefined),
      },
    ],
  },
]

const ZOOM_SECONDS = 60

/** One chart over the whole run as it is planned (so nothing shifts while it fills), or over the last minute. */
export function ChartPanel({ index, zoom, ...props }: PanelProps & { index: number; zoom: boolean }) {
  const chart = CHARTS[index]!
  const right: Line = props.state.samples.some(({ second }) => second >= 0)
    ? [{ text: zoom ? 'last minute' : `${index + 1}/${CHARTS.length}`, style: 'dim' }]
    : [{ text: 'no samples yet', style: 'dim' }]
  return (
    <Pane
      {...props}
      content={{ title: chart.title, right, flush: true, body: (width, height) => chartLines(props, chart, zoom, width, height) }}
    />
  )
}

function chartLines({ state, theme, frame }: PanelProps, chart: Chart, zoom: boolean, width: number, height: number): Line[] {
  const stretch = stretchOf(state, zoom)
  const margin = frame === 'box' ? 1 : 0
  const lines = dotChart({
    width: Math.max(0, width - margin),
    height,
    ...stretch,
    series: chart.series.map((series) => seriesOf(state.samples, series, stretch.from)),
    scale: chart.scale,
    labelWidth: 6,
    xLabel: clock,
    yLabel: shortNumber,
    bands: bandsOf(state),
    glyphs: theme.glyphs,
    paint: (text, of) =>
      theme.paint(
        typeof of === 'number'
          ? SERIES_STYLES[(of + SERIES_STYLES.length - chart.series.length + 4) % SERIES_STYLES.length]
          : of === 'axis'
            ? 'dim'
            : undefined,
        text,
      ),
  })
  return lines.map((painted) => [{ painted, cells: Math.max(0, width - margin) }])
}

function stretchOf(state: RunState, zoom: boolean): { from: number; to: number } {
  const planned = plannedSeconds(state) || 60
  const elapsed = Math.max(elapsedSeconds(state) ?? 0, state.last?.second ?? 0)
  if (zoom) return { from: Math.max(0, Math.ceil(elapsed) - ZOOM_SECONDS), to: Math.max(ZOOM_SECONDS, Math.ceil(elapsed)) }
  const step = Math.max(10, Math.ceil(planned / 4))
  return { from: 0, to: elapsed <= planned ? planned : planned + Math.ceil((elapsed - planned) / step) * step }
}

function seriesOf(samples: readonly Sample[], { name, of }: Chart['series'][number], from: number): Series {
  const first = Math.max(
    0,
    samples.findIndex(({ second }) => second >= from),
  )
  const xs: number[] = []
  const ys: (number | undefined)[] = []
  for (let i = first; i < samples.length; i++) {
    xs.push(samples[i]!.second)
    ys.push(of(samples[i]!, samples[i - 1]))
  }
  return { name, xs, ys }
}

/** Phases as they were or are planned, and under them the faults, if there are any. */
export function bandsOf(state: RunState): Band[][] {
  const phases = phaseBounds(state)
  const end = phases.at(-1)
  const named: Band[] = phases.map(({ name, from, to }, index) => ({ from, to: phases[index + 1]?.from ?? to, label: name, rule: true }))
  if (end && (elapsedSeconds(state) ?? 0) > end.to) named.push({ from: end.to, label: 'settle', rule: true })
  const since = (atMs: number) => (atMs - (state.loadStartAtMs ?? atMs)) / 1_000
  const faults: Band[] = state.faults.map(({ injectedAtMs, healedAtMs, ...fault }) => ({
    from: since(injectedAtMs),
    to: healedAtMs === undefined ? Math.max(since(state.lastEventAtMs), since(injectedAtMs)) : since(healedAtMs),
    label: clean(faultLabel(fault)),
    kind: 'span',
  }))
  return faults.length > 0 ? [named, faults] : [named]
}
