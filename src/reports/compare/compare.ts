import { EXIT } from '../../run/errors.ts'
import type { BootstrapOptions } from '../statistics/bootstrap.ts'
import { holm } from '../statistics/holm.ts'
import { pseudoMedian } from '../statistics/pseudo-median.ts'
import { decide, estimatePaired, estimateUnpaired, MIN_RUNS_FOR_INTERVAL, type Estimate, type MetricVerdict } from './decide.ts'
import type { Metric, MetricValue } from './metrics.ts'
import type { Difference } from './same-work.ts'

export const COMPARISON_VERSION = 1

/** One run as comparing sees it. */
export interface ComparedRun {
  runId: string
  metrics: MetricValue[]
  /** Why its figures cannot be used; absent: they can. */
  doubt?: string
  /** Why its latencies cannot be used, and are not among its metrics. */
  late?: string
  /** Data that it lost, doubled, miscounted or leaked. */
  wrong?: string
}

export interface JudgedMetric extends Metric, Estimate {
  adjustedP: number
  /** How far runs of the same build lay apart, ÷; where there were pairs of a build with itself. */
  noise?: number
  verdict: MetricVerdict
  says: string
}

/** The answer, fit for JSON. */
export interface Comparison {
  schemaVersion: typeof COMPARISON_VERSION
  verdict: MetricVerdict
  exitCode: number
  reasons: string[]
  paired: boolean
  base: string[]
  head: string[]
  differences: Difference[]
  metrics: JudgedMetric[]
  /** Of no weight for the verdict. */
  remarks: string[]
}

export interface Compared {
  base: readonly ComparedRun[]
  head: readonly ComparedRun[]
  /** `base[i]` ran beside `head[i]`. */
  paired: boolean
  differences: readonly Difference[]
  /** Pairs of the base with itself, from the same sitting. */
  same?: readonly (readonly [ComparedRun, ComparedRun])[]
  /** Of the intervals; seed of these and of sampled p-values. */
  bootstrap?: BootstrapOptions
}

/** More runs of which the same is to be said are counted. */
const MANY = 3

/** What a service needs less of than this share of the system's CPU decides nothing. */
const MIN_CPU_SHARE = 0.05

/** Pure: the verdict over all metrics that both sides have. */
export function compare({ base, head, paired, differences, same = [], bootstrap = {} }: Compared): Comparison {
  const { pairs, remarks } = paired ? believedPairs(base, head) : believed(base, head)
  const { metrics, unasked } = judged(pairs, paired, same, bootstrap)
  const wrong = head.flatMap((run) => (run.wrong === undefined ? [] : [`${run.runId}: ${run.wrong}`]))
  const verdict = verdictOf(metrics)
  return {
    schemaVersion: COMPARISON_VERSION,
    verdict,
    exitCode: wrong.length > 0 ? EXIT.data : { regressed: EXIT.regression, inconclusive: EXIT.invalid, improved: EXIT.passed, equivalent: EXIT.passed }[verdict],
    reasons: [...wrong, ...(metrics.length === 0 ? ['no metric that all runs of both sides have'] : reasonsFor(metrics, verdict))],
    paired,
    base: pairs.base.map(({ runId }) => runId),
    head: pairs.head.map(({ runId }) => runId),
    differences: [...differences],
    metrics,
    remarks: [...remarks, ...unasked, ...manyCauses(differences)],
  }
}

interface Sides {
  base: ComparedRun[]
  head: ComparedRun[]
}

function believed(base: readonly ComparedRun[], head: readonly ComparedRun[]): { pairs: Sides; remarks: string[] } {
  const usable = (runs: readonly ComparedRun[]) => runs.filter((run) => run.doubt === undefined)
  return { pairs: { base: usable(base), head: usable(head) }, remarks: leftOut([...base, ...head]) }
}

/** A pair of which one run cannot be believed is left out whole. */
function believedPairs(base: readonly ComparedRun[], head: readonly ComparedRun[]): { pairs: Sides; remarks: string[] } {
  const usable = base.flatMap((run, i) => (run.doubt === undefined && head[i]!.doubt === undefined ? [[run, head[i]!] as const] : []))
  return { pairs: { base: usable.map(([run]) => run), head: usable.map(([, run]) => run) }, remarks: leftOut([...base, ...head]) }
}

function leftOut(runs: readonly ComparedRun[]): string[] {
  const late = runs.filter((run) => run.doubt === undefined && run.late !== undefined)
  return [
    ...runs.flatMap(({ runId, doubt }) => (doubt === undefined ? [] : [`${runId} is left out: ${doubt}`])),
    ...(late.length <= MANY ? late.map((run) => `latencies of ${run.runId} are left out: ${run.late}`) : [`latencies of ${late.length} of ${runs.length} runs are left out, as the injector was late; the first: ${late[0]!.runId}, ${late[0]!.late}`]),
  ]
}

function judged(sides: Sides, paired: boolean, same: NonNullable<Compared['same']>, bootstrap: BootstrapOptions): { metrics: JudgedMetric[]; unasked: string[] } {
  const all = metricsOfAny([...sides.base, ...sides.head]).map((metric) => ({ metric, ...valuesOf(sides, metric.id, paired) }))
  const isAsked = ({ base, head }: { base: number[]; head: number[] }) => enough(base, sides.base) && enough(head, sides.head)
  const questions = all.filter((one) => isAsked(one) && isOfWeight(one.metric.id, sides.base))
  const estimates = questions.map(({ base, head }) => (paired ? estimatePaired(base, head, bootstrap) : estimateUnpaired(base, head, bootstrap)))
  const adjusted = holm(estimates.map(({ p }) => p))
  return {
    metrics: questions.map(({ metric }, i) => {
      const noise = noiseOf(metric.id, same)
      return { ...metric, ...estimates[i]!, adjustedP: adjusted[i]!, ...(noise !== undefined && { noise }), ...decide(metric, estimates[i]!, adjusted[i]!, questions.length, noise) }
    }),
    unasked: all.filter((one) => !isAsked(one)).map(({ metric, base, head }) => `${metric.name} is not judged: ${base.length} of ${sides.base.length} runs against and ${head.length} of ${sides.head.length} of this have it`),
  }
}

function metricsOfAny(runs: readonly ComparedRun[]): Metric[] {
  const byId = new Map(runs.flatMap(({ metrics }) => metrics.map(({ value: _value, ...metric }) => [metric.id, metric] as const)))
  return [...byId.values()]
}

/** Of pairs, those that both runs have. */
function valuesOf({ base, head }: Sides, id: string, paired: boolean): { base: number[]; head: number[] } {
  const has = (run: ComparedRun | undefined) => run !== undefined && valueOf(run, id) !== undefined
  const values = (runs: readonly ComparedRun[], others: readonly ComparedRun[]) => runs.flatMap((run, i) => (has(run) && (!paired || has(others[i])) ? [valueOf(run, id)!] : []))
  return { base: values(base, head), head: values(head, base) }
}

/** All runs, or as many as an interval needs. */
function enough(values: readonly number[], runs: readonly ComparedRun[]): boolean {
  return values.length > 0 && values.length >= Math.min(MIN_RUNS_FOR_INTERVAL, runs.length)
}

function isOfWeight(id: string, base: readonly ComparedRun[]): boolean {
  if (!id.startsWith('cpu.')) return true
  return base.some((run) => (valueOf(run, id) ?? 0) >= MIN_CPU_SHARE * (valueOf(run, 'cpu') ?? Infinity))
}

function valueOf(run: ComparedRun, id: string): number | undefined {
  return run.metrics.find((metric) => metric.id === id)?.value
}

function noiseOf(id: string, same: NonNullable<Compared['same']>): number | undefined {
  const logs = same.flatMap(([one, other]) => {
    const [a, b] = [valueOf(one, id), valueOf(other, id)]
    return a === undefined || b === undefined || one.doubt !== undefined || other.doubt !== undefined ? [] : [Math.log(b / a)]
  })
  return logs.length === 0 ? undefined : Math.exp(Math.abs(pseudoMedian(logs)))
}

function verdictOf(metrics: readonly JudgedMetric[]): MetricVerdict {
  const has = (verdict: MetricVerdict) => metrics.some((metric) => metric.verdict === verdict)
  if (has('regressed')) return 'regressed'
  if (metrics.length === 0 || has('inconclusive')) return 'inconclusive'
  return has('improved') ? 'improved' : 'equivalent'
}

/** What all metrics of a verdict have in common is said once. */
function reasonsFor(metrics: readonly JudgedMetric[], verdict: MetricVerdict): string[] {
  const groups = Map.groupBy(metrics.filter((metric) => metric.verdict === verdict), ({ says }) => says)
  return [...groups].map(([says, those]) => `${those.length === metrics.length && those.length > 1 ? 'all metrics' : those.map(({ name }) => name).join('; ')}: ${says}`)
}

function manyCauses(differences: readonly Difference[]): string[] {
  const causes = new Set(differences.filter(({ forbidden }) => !forbidden).map(({ what }) => (what.startsWith('version.') ? 'version' : what)))
  // The lab's own version comes with its code.
  if (causes.has('code')) causes.delete('version')
  return causes.size < 2 ? [] : [`${causes.size} things differ at once (${[...causes].join(', ')}): which of them made the difference cannot be told from this`]
}
