import { median } from '../statistics.ts'
import type { Interval } from './bootstrap.ts'

export interface Slope extends Interval {
  slope: number
}

/** Two-sided 95 %. */
const Z = 1.959963984540054

/**
 * Slope of `ys` over `xs` by Theil and Sen: the median of the slopes of all pairs of points, with Sen's interval (1968). `undefined` where
 * there are fewer than two different `xs`. Points are at most a few hundred: pairs grow with the square.
 */
export function slopeOf(xs: readonly number[], ys: readonly number[]): Slope | undefined {
  const slopes: number[] = []
  for (let i = 0; i < xs.length; i++) {
    for (let j = i + 1; j < xs.length; j++) if (xs[i] !== xs[j]) slopes.push((ys[j]! - ys[i]!) / (xs[j]! - xs[i]!))
  }
  if (slopes.length === 0) return undefined
  slopes.sort((a, b) => a - b)
  const reach = Z * Math.sqrt(variance(xs, ys))
  const upper = Math.min(Math.round((slopes.length + reach) / 2), slopes.length - 1)
  const lower = Math.max(Math.round((slopes.length - reach) / 2) - 1, 0)
  return { slope: median(slopes), low: slopes[lower]!, high: slopes[upper]! }
}

/** Of Kendall's S, corrected for ties on either axis. */
function variance(xs: readonly number[], ys: readonly number[]): number {
  const n = xs.length
  const term = (k: number) => k * (k - 1) * (2 * k + 5)
  const ties = (values: readonly number[]) => [...Map.groupBy(values, (value) => value).values()].reduce((sum, { length }) => sum + term(length), 0)
  return Math.max(0, (term(n) - ties(xs) - ties(ys)) / 18)
}
