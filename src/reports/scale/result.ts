import { metricsOf } from '../compare/metrics.ts'
import { mean } from '../statistics.ts'
import { summariseSearch, type SearchSummary } from '../search-summary.ts'
import { summarise, type Summary } from '../summarise.ts'
import { doubtsOf } from '../validity.ts'
import type { RunRecord } from '../../run/record.ts'

/** A run or search of a step that came to its end. */
export interface StepResult {
  step: string
  runId: string
  /** Of one run; absent: it was a search. */
  summary?: Summary
  search?: SearchSummary
  /** Stored per second while there was a backlog. */
  drainPerSecond?: number
}

/** All that the sections are made of. */
export interface Results {
  of(step: string): readonly StepResult[]
  /** Why a step has none. */
  why(step: string): string
}

export function resultOf(record: RunRecord): StepResult {
  const step = record.run.scenario.id
  const { runId } = record.run
  if (record.state.search !== undefined) return { step, runId, search: summariseSearch(record, record.state.search) }
  const drain = metricsOf(record).find(({ id }) => id === 'drain')?.value
  return { step, runId, summary: summarise(record), ...(drain !== undefined && { drainPerSecond: drain }) }
}

/**
 * @param failures why the newest run of a step did not come to its end
 * @param planned ids of the steps of this size; absent: all
 */
export function resultsOf(found: readonly StepResult[], failures: ReadonlyMap<string, string> = new Map(), planned?: ReadonlySet<string>): Results {
  const byStep = Map.groupBy(found, ({ step }) => step)
  return { of: (step) => byStep.get(step) ?? [], why: (step) => failures.get(step) ?? (planned?.has(step) === false ? 'in the full size alone' : 'not run') }
}

/** A figure with the runs it is of: the mean where there are several. */
export interface Figure {
  value: number
  values: readonly number[]
  runIds: readonly string[]
}

export type Read = (result: StepResult) => number | undefined

/** `undefined` where no run has it, or none that has it can be believed. */
export function figureOf(results: Results, step: string, read: Read): Figure | undefined {
  const having = results.of(step).flatMap((result) => {
    const value = read(result)
    return value === undefined || !Number.isFinite(value) ? [] : [{ value, runId: result.runId }]
  })
  const values = having.map(({ value }) => value)
  return having.length === 0 ? undefined : { value: mean(values), values, runIds: having.map(({ runId }) => runId) }
}

/** What an untrustworthy run tells counts for nothing; of one whose injector was late, all but the latencies. */
function believed(read: (summary: Summary) => number | undefined, isLatency = false): Read {
  return ({ summary }) => {
    if (summary === undefined) return undefined
    const { grave, late } = doubtsOf(summary.validity)
    return grave !== undefined || (isLatency && late !== undefined) ? undefined : read(summary)
  }
}

const phaseOf = (summary: Summary, name: string) => summary.phases.find((phase) => phase.name === name)

export const saturation = believed((summary) => phaseOf(summary, 'saturation')?.acceptedPerSecond)
export const saturationErrors = believed((summary) => phaseOf(summary, 'saturation')?.errors)
export const saturationP99Ms = believed((summary) => some((phaseOf(summary, 'saturation')?.serviceMs ?? phaseOf(summary, 'saturation')?.latencyMs))?.p99, true)
export const orderP99Ms = believed((summary) => some(summary.overall?.latencyMs)?.p99, true)
export const readP50Ms = believed((summary) => some(summary.overall?.readLatencyMs)?.p50, true)
export const readP99OfPhaseMs = (phase: string): Read => believed((summary) => some(phaseOf(summary, phase)?.readLatencyMs)?.p99, true)
export const freshnessP50Ms = believed((summary) => some(summary.accounting?.freshnessMs)?.p50, true)
export const freshnessP99Ms = believed((summary) => some(summary.accounting?.freshnessMs)?.p99, true)
export const rssBytes = (service: string): Read => believed((summary) => summary.resources[service]?.maxRssBytes)
/** Of one second: the mean would be over the quiet phases, too. */
export const maxCpu = (service: string): Read => believed((summary) => summary.resources[service]?.maxCpu)
export const inside = (metric: string): Read => believed((summary) => summary.inside[metric]?.mean)
export const insideMax = (metric: string): Read => believed((summary) => summary.inside[metric]?.max)
export const insideOfPhase = (metric: string, phase: string): Read => believed((summary) => summary.inside[metric]?.phases[phase])
export const services = believed((summary) => Object.keys(summary.resources).length)
export const drain: Read = (result) => (believed(() => 0)(result) === undefined ? undefined : result.drainPerSecond)
export const persisted = believed((summary) => phaseOf(summary, 'hold')?.persistedPerSecond)
export const cpuMsPerThousand = believed((summary) => {
  const all = Object.values(summary.resources).flatMap(({ cpuMsPerThousand: one }) => one ?? [])
  return all.length === 0 ? undefined : all.reduce((sum, one) => sum + one, 0)
})
export const bytesPerOrder = believed(({ dataBytes, accounting }) => {
  const stored = (accounting?.stored ?? 0) + (accounting?.history?.stored ?? 0)
  const bytes = Object.values(dataBytes ?? {}).reduce((sum, one) => sum + one, 0)
  return stored === 0 || bytes === 0 ? undefined : bytes / stored
})
export const lost = believed((summary) => summary.accounting?.lost)
/** Of a search. */
export const held: Read = ({ search }) => search?.answer?.pass?.rate
export const failedAt: Read = ({ search }) => search?.answer?.fail?.rate

function some<T extends { count: number }>(percentiles: T | undefined): T | undefined {
  return percentiles === undefined || percentiles.count === 0 ? undefined : percentiles
}
