import { bootstrapInterval, bootstrapIntervalOfTwo, type BootstrapOptions } from '../statistics/bootstrap.ts'
import { permutationP, signFlipP, smallestPermutationP, smallestSignFlipP } from '../statistics/permutation.ts'
import { pseudoMedian, shift } from '../statistics/pseudo-median.ts'
import type { Metric } from './metrics.ts'

export type MetricVerdict = 'regressed' | 'improved' | 'equivalent' | 'inconclusive'

/** Level of every verdict, after Holm's adjustment over all metrics. */
export const ALPHA = 0.05
/** A bootstrap of fewer runs does not know how they scatter. */
export const MIN_RUNS_FOR_INTERVAL = 5

/**
 * Pairs of a build with itself must agree to so many floors. Three pairs know their median to half of what ten know theirs: with one floor
 * one real change in eight was waved through on a machine that was well able to tell it.
 */
const NOISE_FLOORS = 2

/** One metric over all runs. Ratios are head ÷ base. */
export interface Estimate {
  /** Values by run; of pairs, in the same order. */
  base: number[]
  head: number[]
  ratio: number
  /** 95 % of the ratio; absent: too few runs. */
  interval?: { low: number; high: number }
  p: number
  /** The smallest p-value that so many runs can give. */
  smallestP: number
}

/** From pairs of runs, each of the two beside the other in time: what drifts meets both alike and cancels in their ratio. */
export function estimatePaired(base: readonly number[], head: readonly number[], options: BootstrapOptions = {}): Estimate {
  const logs = head.map((value, i) => Math.log(value / base[i]!))
  const interval = logs.length < MIN_RUNS_FOR_INTERVAL ? undefined : bootstrapInterval(logs, pseudoMedian, options)
  return finish(base, head, pseudoMedian(logs), interval, signFlipP(logs, options.seed), smallestSignFlipP(logs.length))
}

/** From two heaps of runs, in whatever order they came to be. */
export function estimateUnpaired(base: readonly number[], head: readonly number[], options: BootstrapOptions = {}): Estimate {
  const [logBase, logHead] = [base.map(Math.log), head.map(Math.log)]
  const interval = Math.min(base.length, head.length) < MIN_RUNS_FOR_INTERVAL ? undefined : bootstrapIntervalOfTwo(logHead, logBase, shift, options)
  return finish(base, head, shift(logHead, logBase), interval, permutationP(logHead, logBase, options.seed), smallestPermutationP(base.length, head.length))
}

function finish(base: readonly number[], head: readonly number[], log: number, interval: Estimate['interval'], p: number, smallestP: number): Estimate {
  return {
    base: [...base],
    head: [...head],
    ratio: Math.exp(log),
    ...(interval && { interval: { low: Math.exp(interval.low), high: Math.exp(interval.high) } }),
    p,
    smallestP,
  }
}

/**
 * Regressed or improved: the interval leaves out 1, the estimate is past the floor, and the adjusted p-value is below the level.
 * Equivalent: the whole interval lies within the floor. Everything else nobody knows.
 * @param adjustedP by Holm, over all metrics that were asked for
 * @param noise how far pairs of the same build with itself lay apart in the median, as a ratio above 1
 */
export function decide({ better, floor }: Metric, estimate: Estimate, adjustedP: number, questions: number, noise?: number): { verdict: MetricVerdict; says: string } {
  const { interval, smallestP } = estimate
  if (noise !== undefined && noise > (1 + floor) ** NOISE_FLOORS) {
    return { verdict: 'inconclusive', says: `the same build against itself differs by ${percent(noise - 1)} in the median: this machine cannot tell a floor of ${percent(floor)}` }
  }
  if (interval === undefined) return { verdict: 'inconclusive', says: `too few runs for an interval: at least ${MIN_RUNS_FOR_INTERVAL} a side` }
  // As worsening in logarithms: above 0 is worse, whichever way the metric points.
  const worse = (ratio: number) => (better === 'lower' ? Math.log(ratio) : -Math.log(ratio))
  const [low, high] = [worse(interval.low), worse(interval.high)].sort((a, b) => a - b) as [number, number]
  const middle = worse(estimate.ratio)
  const edge = Math.log(1 + floor)
  const isSure = adjustedP <= ALPHA
  if (isSure && low > 0 && middle > edge) return { verdict: 'regressed', says: `worse by ${percent(Math.exp(middle) - 1)}, floor ${percent(floor)}` }
  if (isSure && high < 0 && middle < -edge) return { verdict: 'improved', says: `better by ${percent(Math.exp(-middle) - 1)}, floor ${percent(floor)}` }
  if (low >= -edge && high <= edge) return { verdict: 'equivalent', says: `within ±${percent(floor)}` }
  if ((low > 0 || high < 0) && Math.abs(middle) > edge) {
    const tooFew = smallestP * questions > ALPHA
    return { verdict: 'inconclusive', says: tooFew ? `it looks ${low > 0 ? 'worse' : 'better'}, but so few runs cannot tell it from chance among ${questions} metrics` : `it looks ${low > 0 ? 'worse' : 'better'}, but chance may do that among ${questions} metrics (adjusted p ${adjustedP.toFixed(3)})` }
  }
  return { verdict: 'inconclusive', says: `the interval reaches past ±${percent(floor)}: more runs, or a quieter machine` }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(Math.abs(share) < 0.1 ? 1 : 0)} %`
}
