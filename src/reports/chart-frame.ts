import { singleCells } from './ascii.ts'
import type { Glyphs } from './chart-dots.ts'
import { linearScale, logScale, shortNumber, type Scale } from './chart-scale.ts'
import { columnOf, eachPoint, lastValue, type Series } from './chart-series.ts'

/** A stretch of the x axis with a name: a phase, or a fault from injection to healing. */
export interface Band {
  from: number
  /** Absent: until the next band of its row, or the end. */
  to?: number
  label: string
  /** `span`: drawn as `▲━━━● label`, the last cell an open end when there is no `to`. `name` (default): `│label`, cut where the next begins. */
  kind?: 'name' | 'span'
  /** Draws a dotted line upwards through the chart where it begins. */
  rule?: boolean
}

export interface ChartOptions {
  /** Cells. Every returned line has exactly this many (escape sequences of `paint` not counted). */
  width: number
  /** Lines, axis and bands included. */
  height: number
  series: readonly Series[]
  from: number
  to: number
  /** `log` for what spans powers of ten, such as latencies. */
  scale?: 'linear' | 'log'
  xLabel?: (x: number) => string
  yLabel?: (y: number) => string
  /** Cells kept for the labels of the y axis, so that nothing moves when they grow. */
  labelWidth?: number
  /** One row of bands each, under the axis. */
  bands?: readonly (readonly Band[])[]
  /** Names of the series at the right edge, beside their last value: readable without colour. Default: with several series. */
  legend?: boolean
  glyphs?: Glyphs
  /** Colours a piece of text: of a series (its index), of the axis, of bands. */
  paint?: (text: string, of: number | 'axis' | 'band') => string
}

export interface Space {
  labelColumns: number
  plotColumns: number
  legendColumns: number
  plotRows: number
  axisRows: number
  bandRows: number
}

/** Who gets which part: what matters least goes first when it is tight. */
export function divide({ width, height, series, bands = [], labelWidth = 6, legend = series.length > 1 }: ChartOptions): Space {
  const legendColumns = legend && width >= 40 ? Math.min(12, Math.max(0, ...series.map((one) => one.name.length + 1))) : 0
  const labelColumns = width >= labelWidth + 10 ? labelWidth + 1 : 0
  const axisRows = height >= 3 ? 1 : 0
  const bandRows = Math.max(0, Math.min(bands.length, height - axisRows - 2))
  return {
    labelColumns,
    legendColumns,
    axisRows,
    bandRows,
    plotColumns: Math.max(0, width - labelColumns - legendColumns),
    plotRows: Math.max(0, height - axisRows - bandRows),
  }
}

export function assemble(plotted: string[], options: ChartOptions, space: Space, scale: Scale): string[] {
  const paint = options.paint ?? ((text) => text)
  const label = options.yLabel ?? shortNumber
  const rowOf = (y: number) => Math.round((1 - scale.position(y)) * (space.plotRows - 1))
  const labels = new Map(scale.ticks.map((tick) => [rowOf(tick), label(tick)]))
  const legend = placeLegend(options, space, rowOf)
  const lines = plotted.map((cells, row) => {
    const text = labels.get(row)
    const gutter =
      space.labelColumns === 0 ? '' : paint(`${fitEnd(text ?? '', space.labelColumns - 1)}${text === undefined ? '│' : '┤'}`, 'axis')
    const entry = legend.get(row)
    const name =
      space.legendColumns === 0 ? '' : fitStart(entry === undefined ? '' : ` ${options.series[entry]!.name}`, space.legendColumns)
    return gutter + cells + (entry === undefined ? name : paint(name, entry))
  })
  if (space.axisRows > 0) lines.push(paint(axisLine(options, space), 'axis'))
  for (const row of (options.bands ?? []).slice(0, space.bandRows)) lines.push(paint(bandLine(row, options, space), 'band'))
  return lines
}

/** Series index by row: beside the last value, moved apart where names would meet; their order is always that of the values. */
function placeLegend(options: ChartOptions, space: Space, rowOf: (y: number) => number): Map<number, number> {
  if (space.legendColumns === 0) return new Map()
  const ends = options.series.flatMap((series, index) => {
    const last = lastValue(series, options)
    return last === undefined ? [] : [{ index, last, row: rowOf(last) }]
  })
  ends.sort((a, b) => a.row - b.row || b.last - a.last || b.index - a.index).splice(space.plotRows)
  let above = -1
  const lowered = ends.map(({ index, row }) => ({ index, row: (above = Math.max(row, above + 1)) }))
  return new Map(lowered.map(({ index, row }, nth) => [Math.min(row, space.plotRows - lowered.length + nth), index]))
}

/** `└00:00────────┴00:15───`: ticks at round distances, as many as there is room for. */
function axisLine(options: ChartOptions, space: Space): string {
  const label = options.xLabel ?? shortNumber
  const cells = Array<string>(space.plotColumns).fill('─')
  const range = options.to - options.from
  if (range > 0 && Number.isFinite(range) && space.plotColumns > 0) {
    const every = tickDistance((range * 12) / Math.max(1, space.plotColumns))
    for (
      let tick = Math.ceil(options.from / every);
      tick * every <= options.to && tick - options.from / every < space.plotColumns;
      tick++
    ) {
      const text = singleCells(label(tick * every))
      const at = columnOf(tick * every, options, space.plotColumns)
      if (text.length + 1 > space.plotColumns - at || cells.slice(at, at + text.length + 2).some((cell) => cell !== '─')) continue
      const mark = at === 0 ? '' : '┴'
      ;[...mark, ...text].forEach((cell, i) => (cells[at + i] = cell))
    }
  }
  return (space.labelColumns === 0 ? '' : `${' '.repeat(space.labelColumns - 1)}└`) + cells.join('') + ' '.repeat(space.legendColumns)
}

/** Distances that read well in seconds, and beyond an hour in hours. */
function tickDistance(atLeast: number): number {
  const seconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600].find((distance) => distance >= atLeast)
  return seconds ?? 3_600 * 2 ** Math.ceil(Math.log2(atLeast / 3_600))
}

function bandLine(bands: readonly Band[], options: ChartOptions, space: Space): string {
  const cells = Array<string>(space.plotColumns).fill(' ')
  bands.forEach((band, index) => {
    if (!(band.from <= options.to) || (band.to !== undefined && band.to < options.from)) return
    const until = band.to ?? (band.kind === 'span' ? options.to : (bands[index + 1]?.from ?? options.to))
    const start = columnOf(band.from, options, space.plotColumns)
    const end = Math.max(start + 1, until >= options.to ? space.plotColumns : columnOf(until, options, space.plotColumns))
    const put = (text: string, at: number, limit: number) =>
      [...text].slice(0, Math.max(0, limit - at)).forEach((cell, i) => (cells[at + i] = cell))
    const label = singleCells(band.label)
    if (band.kind !== 'span') return put(`│${label}`.padEnd(end - start), start, Math.min(end, space.plotColumns))
    const stroke = `▲${'━'.repeat(Math.max(0, end - start - 1))}${band.to === undefined || band.to > options.to ? '' : '●'}`
    put(stroke, start, space.plotColumns)
    if (label.length + 4 <= end - start) put(` ${label} `, start + 2, space.plotColumns)
    else if (end + label.length + 3 <= space.plotColumns || start < label.length + 2) put(` ${label}`, end + 1, space.plotColumns)
    else put(`${label} `, start - label.length - 1, space.plotColumns)
  })
  return ' '.repeat(space.labelColumns) + cells.join('') + ' '.repeat(space.legendColumns)
}

export function scaleOf(options: ChartOptions, rows: number): Scale {
  let smallest = Infinity
  let smallestPositive = Infinity
  let largest = -Infinity
  for (const series of options.series) {
    eachPoint(series, options, (_x, y) => {
      if (y === undefined) return
      if (y < smallest) smallest = y
      if (y > 0 && y < smallestPositive) smallestPositive = y
      if (y > largest) largest = y
    })
  }
  if (options.scale === 'log') return smallestPositive === Infinity ? logScale(1, 10, rows) : logScale(smallestPositive, largest, rows)
  return smallest === Infinity ? linearScale(0, 0, rows) : linearScale(smallest, largest, rows)
}

function fitStart(text: string, width: number): string {
  return [...singleCells(text)].slice(0, width).join('').padEnd(width)
}

function fitEnd(text: string, width: number): string {
  return [...singleCells(text)].slice(0, width).join('').padStart(width)
}
