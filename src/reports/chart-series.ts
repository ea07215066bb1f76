/** One line of a chart. `xs` ascend. A `y` that is undefined or not finite is a gap, and stays one. */
export interface Series {
  name: string
  xs: readonly number[]
  ys: readonly (number | undefined)[]
}

/** How the values of one column become one. */
export type Resampling = 'max' | 'mean' | 'last'

/**
 * One value for each of `columns` equal stretches of [from, to]; a stretch in which nothing was measured is undefined.
 * Where columns are narrower than the samples' distance, a sample holds until the next.
 */
export function resample(series: Series, from: number, to: number, columns: number, how: Resampling): (number | undefined)[] {
  if (columns <= 0) return []
  const held = Array<number | undefined>(columns).fill(undefined)
  const counts = new Array<number>(columns).fill(0)
  const stretch = { from, to }
  const reach = gapOf(series, stretch, columns)
  let before: { x: number; y: number; column: number } | undefined
  eachPoint(series, stretch, (x, y) => {
    if (y === undefined) {
      before = undefined
      return
    }
    const column = columnOf(x, stretch, columns)
    if (before && x - before.x <= reach) for (let between = before.column + 1; between < column; between++) held[between] = before.y
    const so = held[column]
    const n = counts[column]!++
    held[column] = so === undefined || how === 'last' || n === 0 ? y : how === 'max' ? Math.max(so, y) : so + (y - so) / (n + 1)
    before = { x, y, column }
  })
  return held
}

export interface Stretch {
  from: number
  to: number
}

/** Visits the samples inside the stretch; undefined and not finite y alike are gaps. (A generator takes three times as long here.) */
export function eachPoint(series: Series, { from, to }: Stretch, visit: (x: number, y: number | undefined) => void): void {
  const count = Math.min(series.xs.length, series.ys.length)
  for (let i = 0; i < count; i++) {
    const x = series.xs[i]!
    const y = series.ys[i]
    if (x >= from && x <= to) visit(x, y !== undefined && Number.isFinite(y) ? y : undefined)
  }
}

/** The last value inside the stretch that is no gap. */
export function lastValue({ xs, ys }: Series, { from, to }: Stretch): number | undefined {
  for (let i = Math.min(xs.length, ys.length) - 1; i >= 0; i--) {
    const y = ys[i]
    if (xs[i]! >= from && xs[i]! <= to && y !== undefined && Number.isFinite(y)) return y
  }
  return undefined
}

/** Samples further apart than this are not joined: two and a half times their smallest distance, or a column and a half. */
export function gapOf(series: Series, { from, to }: Stretch, columns: number): number {
  let smallest = Infinity
  for (let i = 1; i < series.xs.length; i++) {
    const distance = series.xs[i]! - series.xs[i - 1]!
    if (distance > 0 && distance < smallest) smallest = distance
  }
  return Math.max(smallest === Infinity ? 0 : smallest * 2.5, ((to - from) / Math.max(1, columns)) * 1.5)
}

export function columnOf(x: number, { from, to }: Stretch, columns: number): number {
  const share = to > from ? (x - from) / (to - from) : 0
  return Math.max(0, Math.min(columns - 1, Math.round((Number.isFinite(share) ? share : 0) * (columns - 1))))
}
