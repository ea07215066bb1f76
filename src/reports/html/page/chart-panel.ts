import uPlot from 'uplot'
import type { ChartData, PageData, SeriesData } from '../page-data.ts'
import { bands } from './bands.ts'
import { csvOf } from '../csv.ts'
import { download } from './download.ts'
import { axis, box, button, choice, keepSize, short, sizeFor, withUnit, type Panel } from './panel.ts'
import { lineColor } from './theme.ts'

/** One chart over time, with phases and faults behind its lines. All charts of a page share one cursor and one zoom, by uPlot's `sync`. */
export function chartPanel(data: PageData, chart: ChartData, parent: HTMLElement): Panel {
  const { room, tools } = box(parent, chart.title, chart.says ?? '')
  let isLog = false
  let shown = chart.choice ? chart.series.slice(0, 1) : chart.series
  let plot = make()
  function make(): uPlot {
    return new uPlot(options(data, chart, shown, isLog, room), [data.seconds, ...shown.map(({ values }) => (isLog ? values.map(aboveZero) : values))], room)
  }
  const renew = () => {
    const { min, max } = plot.scales['x']!
    plot.destroy()
    plot = make()
    if (min != null && max != null) plot.setScale('x', { min, max })
  }
  if (chart.choice) {
    tools.append(choice(chart.series.map(({ name }) => name), (index) => {
      shown = chart.series.slice(index, index + 1)
      renew()
    }))
  }
  if (chart.log) {
    const toggle = button('log', () => {
      isLog = !isLog
      toggle.textContent = isLog ? 'linear' : 'log'
      renew()
    })
    tools.append(toggle)
  }
  tools.append(button('CSV', () => download(`${data.runId}-${chart.id}.csv`, csvOf(data, [chart]))))
  keepSize(room, () => plot)
  return { redraw: () => plot.redraw(false, false) }
}

function options(data: PageData, chart: ChartData, shown: readonly SeriesData[], isLog: boolean, room: HTMLElement): uPlot.Options {
  const unit = shown[0]?.unit ?? chart.unit
  return {
    ...sizeFor(room),
    plugins: [bands(data.phases, data.faults)],
    cursor: { sync: { key: data.runId, scales: ['x', null] }, focus: { prox: 24 } },
    scales: { x: { time: false }, y: isLog ? { distr: 3 } : { range: (_chart, low, high) => [Math.min(0, low), high <= 0 ? 1 : high * 1.08] } },
    axes: [axis({ values: (_chart, ticks) => ticks.map((tick) => `${short(tick)} s`) }), axis({ size: 56, values: (_chart, ticks) => ticks.map((tick) => (tick === null ? '' : short(tick))) })],
    series: [{ label: 'at', value: (_chart, value: number | null) => withUnit(value, 's') }, ...shown.map((one, index) => series(one, index, unit))],
  }
}

function series({ name, unit }: SeriesData, index: number, fallback: string): uPlot.Series {
  return { label: name, stroke: () => lineColor(index), width: 1.5, points: { show: false }, value: (_chart, value: number | null) => withUnit(value, unit ?? fallback) }
}

function aboveZero(value: number | null): number | null {
  return value === null || value <= 0 ? null : value
}
