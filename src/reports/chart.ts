import { plot } from 'asciichart'
import { toAscii } from './ascii.ts'
import { createDots, type Dots } from './chart-dots.ts'
import { assemble, divide, scaleOf, type Band, type ChartOptions } from './chart-frame.ts'
import { shortNumber, type Scale } from './chart-scale.ts'
import { columnOf, eachPoint, gapOf, resample, type Resampling, type Series } from './chart-series.ts'

export type { Glyphs } from './chart-dots.ts'
export type { Band, ChartOptions } from './chart-frame.ts'
export { resample, type Resampling, type Series } from './chart-series.ts'

/** Several series as dots: smallest and largest of every column are drawn, gaps are kept, dotted rules mark where bands begin. */
export function dotChart(options: ChartOptions): string[] {
  const glyphs = options.glyphs ?? 'braille'
  const space = divide(options)
  const scale = scaleOf(options, space.plotRows)
  const paint = options.paint ?? ((text) => text)
  const dots = createDots(space.plotColumns, space.plotRows, glyphs)
  options.series.forEach((series, index) => trace(series, options, scale, dots, index))
  const rules = new Set(
    (options.bands ?? [])
      .flat()
      .filter((band) => band.rule)
      .map((band) => columnOf(band.from, options, space.plotColumns)),
  )
  const rows = dots.rows(
    (text, owner) => (owner < 0 ? paint(text, 'axis') : paint(text, owner)),
    (column) => (rules.has(column) && column > 0 ? '┊' : undefined),
  )
  const lines = assemble(rows, options, space, scale)
  return glyphs === 'ascii' ? lines.map(toAscii) : lines
}

/** One series as a line of box characters (asciichart), for reports and plain output: resampled to the width, gaps kept. */
export function lineChart(options: Omit<ChartOptions, 'series' | 'legend' | 'glyphs'> & { series: Series; how?: Resampling }): string[] {
  const { series, how = 'max', ...rest } = options
  const all: ChartOptions = { ...rest, series: [series], legend: false }
  const space = divide(all)
  const scale = scaleOf(all, space.plotRows)
  const top = space.plotRows - 1
  const values = resample(series, options.from, options.to, space.plotColumns, how).map((y) =>
    y === undefined ? undefined : Math.round(scale.position(y) * top),
  )
  const cells = Array.from({ length: space.plotRows }, () => Array<string>(space.plotColumns).fill(' '))
  for (const run of top < 0 ? [] : runs(values)) {
    // asciichart draws the steps between values: the last one is given twice, so that n values take n columns. Its first column is the axis.
    plot([...run.values, run.values.at(-1)!], { min: 0, max: top, height: top, offset: 1, format: () => ' ' })
      .split('\n')
      .slice(0, space.plotRows)
      .forEach((line, row) => [...line].slice(1).forEach((cell, i) => cell !== ' ' && (cells[row]![run.start + i] = cell)))
  }
  const paint = options.paint ?? ((text) => text)
  return assemble(
    cells.map((row) => paint(row.join(''), 0)),
    all,
    space,
    scale,
  )
}

export interface TextChartOptions {
  /** One a second. */
  values: readonly (number | undefined)[]
  /** When each was measured, if seconds are missing; by default 0, 1, 2 … */
  seconds?: readonly number[]
  /** Behind every label of the y axis. */
  unit?: string
  /** What began when: phases, faults. Names that would overlap go to rows of their own. */
  marks?: readonly { second: number; label: string }[]
  width: number
  height: number
  how?: Resampling
}

/** A series over the seconds of a run as one text, for reports and plain output. */
export function textChart({
  values,
  seconds = values.map((_, index) => index),
  unit,
  marks = [],
  width,
  height,
  how,
}: TextChartOptions): string {
  const label = (y: number) => (unit === undefined ? shortNumber(y) : `${shortNumber(y)} ${unit}`)
  const shape = { width, height, from: Math.min(seconds[0] ?? 0, 0), to: seconds.at(-1) ?? 0, labelWidth: label(88_800).length + 1 }
  const lines = lineChart({
    ...shape,
    series: { name: '', xs: seconds, ys: values },
    how,
    xLabel: (x) => `${x} s`,
    yLabel: label,
    bands: stack(marks, shape),
  })
  return lines.map((line) => line.trimEnd()).join('\n')
}

/** Each mark on the first of three rows where it does not cover the name before it. */
function stack(
  marks: NonNullable<TextChartOptions['marks']>,
  { width, labelWidth, ...stretch }: { width: number; labelWidth: number; from: number; to: number },
): Band[][] {
  const rows: { bands: Band[]; end: number }[] = []
  for (const { second, label } of [...marks].sort((a, b) => a.second - b.second)) {
    const start = columnOf(second, stretch, width - labelWidth - 1)
    let row = rows.find(({ end }) => end <= start)
    if (!row && rows.length < 3) rows.push((row = { bands: [], end: 0 }))
    row ??= rows[0]!
    row.bands.push({ from: second, label })
    row.end = start + label.length + 1
  }
  return rows.map(({ bands }) => bands)
}

/** Joined samples of one dot column become one upright stroke, so a long series costs no more than its columns. */
function trace(series: Series, options: ChartOptions, scale: Scale, dots: Dots, owner: number): void {
  if (dots.width === 0 || dots.height === 0) return
  const reach = gapOf(series, options, dots.width)
  let stroke: { x: number; column: number; low: number; high: number; last: number } | undefined
  const flush = () => stroke && dots.line(stroke.column, stroke.low, stroke.column, stroke.high, owner)
  eachPoint(series, options, (x, y) => {
    if (y === undefined) {
      flush()
      stroke = undefined
      return
    }
    const column = columnOf(x, options, dots.width)
    const dot = Math.round((1 - scale.position(y)) * (dots.height - 1))
    const joined = stroke !== undefined && column >= stroke.column && x - stroke.x <= reach
    if (stroke && joined && column === stroke.column) {
      stroke.x = x
      stroke.last = dot
      if (dot < stroke.low) stroke.low = dot
      else if (dot > stroke.high) stroke.high = dot
      return
    }
    flush()
    if (stroke && joined) dots.line(stroke.column, stroke.last, column, dot, owner)
    stroke = { x, column, low: dot, high: dot, last: dot }
  })
  flush()
}

function* runs(values: (number | undefined)[]): Generator<{ start: number; values: number[] }> {
  let run: { start: number; values: number[] } | undefined
  for (const [index, value] of values.entries()) {
    if (value === undefined) {
      if (run) yield run
      run = undefined
    } else if (run) run.values.push(value)
    else run = { start: index, values: [value] }
  }
  if (run) yield run
}
