import uPlot from 'uplot'
import type { PageData, Spectrum } from '../page-data.ts'
import { csvOfSpectrum } from '../csv.ts'
import { download } from './download.ts'
import { axis, box, button, choice, keepSize, short, sizeFor, withUnit, type Panel } from './panel.ts'
import { lineColor } from './theme.ts'

/** Percentiles on a scale that gives the slowest one in a thousand as much room as the rest. */
export function spectrumPanel(data: PageData, parent: HTMLElement): Panel {
  const { room, tools } = box(parent, 'Percentile spectrum', '')
  let spectrum = data.spectra[0]!
  const make = () => new uPlot(options(spectrum, room), [spectrum.oneIn, ...spectrum.series.map(({ valuesMs }) => valuesMs.map((ms) => (ms === null || ms <= 0 ? null : ms)))], room)
  let plot = make()
  const pick = choice(data.spectra.map(({ title }) => title), (index) => {
    spectrum = data.spectra[index]!
    plot.destroy()
    plot = make()
  })
  tools.append(...(data.spectra.length > 1 ? [pick] : []), button('CSV', () => download(`${data.runId}-percentiles-${spectrum.id}.csv`, csvOfSpectrum(spectrum))))
  keepSize(room, () => plot)
  return { redraw: () => plot.redraw(false, false) }
}

function options({ oneIn, series }: Spectrum, room: HTMLElement): uPlot.Options {
  const last = oneIn.findLastIndex((_, row) => series.some(({ valuesMs }) => valuesMs[row] !== null))
  return {
    ...sizeFor(room),
    height: 320,
    cursor: { focus: { prox: 24 } },
    scales: { x: { time: false, distr: 3, range: () => [1, Math.max(10, oneIn[last] ?? 10)] }, y: { distr: 3 } },
    axes: [axis({ values: (_chart, ticks) => ticks.map((tick) => (tick === null ? '' : percentile(tick))) }), axis({ size: 56, values: (_chart, ticks) => ticks.map((tick) => (tick === null ? '' : `${short(tick)}`)) })],
    series: [
      { label: 'percentile', value: (_chart, value: number | null) => (value === null ? '–' : percentile(value)) },
      ...series.map(({ name }, index): uPlot.Series => ({ label: name, stroke: () => lineColor(index), width: 1.5, points: { show: false }, value: (_chart, value: number | null) => withUnit(value, 'ms') })),
    ],
  }
}

/** 100 → `p99` */
function percentile(oneIn: number): string {
  return oneIn <= 1 ? 'min' : `p${Number((100 * (1 - 1 / oneIn)).toPrecision(6))}`
}
