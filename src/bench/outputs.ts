import type { Comparison } from '../reports/compare/compare.ts'
import { median } from '../reports/statistics.ts'
import type { PairOfRuns } from './sitting.ts'

/** One entry of what github-action-benchmark reads as `customSmallerIsBetter` or `customBiggerIsBetter`. */
export interface BenchmarkEntry {
  name: string
  unit: string
  value: number
  range: string
  extra: string
}

/** The head's medians, in the two heaps that github-action-benchmark wants apart. */
export function benchmarkEntries({ metrics }: Comparison, prefix: string): Record<'smallerIsBetter' | 'biggerIsBetter', BenchmarkEntry[]> {
  const of = (better: 'higher' | 'lower') =>
    metrics
      .filter((metric) => metric.better === better)
      .map(({ name, unit, head, ratio, verdict }): BenchmarkEntry => {
        const value = median(head)
        return { name: `${prefix}: ${name}`, unit, value: rounded(value), range: `± ${rounded(Math.max(...head.map((one) => Math.abs(one - value))))}`, extra: `${verdict}; ÷ base ${ratio.toFixed(3)}` }
      })
  return { smallerIsBetter: of('lower'), biggerIsBetter: of('higher') }
}

/** Every run of a sitting in figures, in the order they were run: what a pool for the gate's error rates is made of. */
export function poolOf(pairs: readonly PairOfRuns[]): object[] {
  return pairs.map(({ kind, order, runs }) => ({
    kind,
    order,
    runs: runs.map(({ runId, metrics, doubt, wrong }) => ({ runId, metrics, ...(doubt !== undefined && { doubt }), ...(wrong !== undefined && { wrong }) })),
  }))
}

function rounded(value: number): number {
  return Number(value.toPrecision(5))
}
