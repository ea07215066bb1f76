import { seededRandom } from './random.ts'

export interface Interval {
  low: number
  high: number
}

export interface BootstrapOptions {
  seed?: number
  resamples?: number
  level?: number
}

const RESAMPLES = 10_000
const LEVEL = 0.95

/** Percentile bootstrap of a statistic of one sample, such as the differences of pairs. `NaN` of nothing. */
export function bootstrapInterval(values: readonly number[], statistic: (values: readonly number[]) => number, options: BootstrapOptions = {}): Interval {
  const resampled = resampler(options)
  return percentiles(() => statistic(resampled(values)), options)
}

/** The same of two independent samples, each resampled by itself. */
export function bootstrapIntervalOfTwo(
  a: readonly number[], b: readonly number[], statistic: (a: readonly number[], b: readonly number[]) => number, options: BootstrapOptions = {},
): Interval {
  const resampled = resampler(options)
  return percentiles(() => statistic(resampled(a), resampled(b)), options)
}

function resampler({ seed = 1 }: BootstrapOptions): (values: readonly number[]) => number[] {
  const random = seededRandom(seed)
  return (values) => values.map(() => values[Math.floor(random() * values.length)]!)
}

function percentiles(draw: () => number, { resamples = RESAMPLES, level = LEVEL }: BootstrapOptions): Interval {
  const drawn = Float64Array.from({ length: resamples }, draw).sort()
  return { low: quantile(drawn, (1 - level) / 2), high: quantile(drawn, (1 + level) / 2) }
}

/** Of sorted values, interpolated linearly between neighbours (numpy's default). */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const at = share * (sorted.length - 1)
  const below = Math.floor(at)
  const low = sorted[below] ?? Number.NaN
  return low + (at - below) * ((sorted[below + 1] ?? low) - low)
}
