import { V1_BASE, V1_CHANGES } from '../../scenarios/scale/steps.ts'
import { setOf, type ScaleSize } from '../../scenarios/scale/step.ts'
import { estimateUnpaired, MIN_RUNS_FOR_INTERVAL, type Estimate } from '../compare/decide.ts'
import { FLOOR } from '../compare/metrics.ts'
import { holm } from '../statistics/holm.ts'
import { table } from '../table.ts'
import { runsCell } from './cells.ts'
import { cpuMsPerThousand, figureOf, saturation, type Read, type Results } from './result.ts'

interface Gain {
  step: string
  name: string
  rate?: Estimate
  /** CPU of an order. */
  cpu?: Estimate
}

/** 5: every knob alone against the base, the largest gain first. */
export function improvementSection(results: Results, size: ScaleSize): string {
  const gains = V1_CHANGES.filter(({ quick }) => quick || size === 'full')
    .map((step): Gain => ({ step: step.id, name: setOf(step).join(' '), ...estimate(results, step.id, 'rate', saturation), ...estimate(results, step.id, 'cpu', cpuMsPerThousand) }))
    .sort((a, b) => (b.rate?.ratio ?? -1) - (a.rate?.ratio ?? -1))
  const judged = gains.filter(({ rate }) => rate !== undefined)
  const adjusted = new Map(holm(judged.map(({ rate }) => rate!.p)).map((p, i) => [judged[i]!.step, p]))
  const rows = gains.map(({ step, name, rate, cpu }) => [name, factor(rate), interval(rate), cpu === undefined ? '–' : factor(cpu), verdict(rate, adjusted.get(step)), runsCell(results, step)])
  const method = `Ratios of orders/s in a closed loop to v1's defaults, which are run between them, repetition by repetition; 95 % bootstrap interval of the ratio of Hodges-Lehmann estimates, from ${MIN_RUNS_FOR_INTERVAL} runs a side on; p-values by permutation, adjusted by Holm over the rows. "Buys" and "costs": the interval leaves out 1, the ratio is past ${FLOOR * 100} %, p < 0.05.`
  return ['## 5. What does each improvement buy?', method, table(['v1 with', 'orders/s ×', 'interval', 'CPU an order ×', 'verdict', 'runs'], rows, 9), `Base: ${runsCell(results, V1_BASE)}.`].join('\n\n')
}

function estimate(results: Results, step: string, name: 'rate' | 'cpu', read: Read): Partial<Gain> {
  const base = figureOf(results, V1_BASE, read)
  const head = figureOf(results, step, read)
  if (base === undefined || head === undefined || [...base.values, ...head.values].some((value) => value <= 0)) return {}
  return { [name]: estimateUnpaired(base.values, head.values) }
}

function factor(of: Estimate | undefined): string {
  return of === undefined ? '–' : of.ratio.toFixed(2)
}

function interval(of: Estimate | undefined): string {
  if (of === undefined) return '–'
  return of.interval === undefined ? `none: ${Math.min(of.base.length, of.head.length)} of ${MIN_RUNS_FOR_INTERVAL} runs a side` : `${of.interval.low.toFixed(2)} – ${of.interval.high.toFixed(2)}`
}

function verdict(of: Estimate | undefined, adjustedP: number | undefined): string {
  if (of === undefined) return 'not measured'
  if (of.interval === undefined || adjustedP === undefined) return 'not judged'
  const { low, high } = of.interval
  if (low > 1 && of.ratio > 1 + FLOOR && adjustedP < 0.05) return '**buys**'
  if (high < 1 && of.ratio < 1 - FLOOR && adjustedP < 0.05) return '**costs**'
  return low > 1 - FLOOR && high < 1 + FLOOR ? 'changes nothing' : 'undecided'
}
