import { resultsOf, type Results, type StepResult } from '../../../src/reports/scale/result.ts'
import { summarise, type Summary } from '../../../src/reports/summarise.ts'
import { runRecord } from '../records.ts'

const BASE = summarise(runRecord())

export interface MadeResult {
  step: string
  runId?: string
  saturation?: number
  errors?: number
  p99Ms?: number
  freshnessMs?: number
  readP99Ms?: Record<string, number>
  readP50Ms?: number
  inside?: Record<string, number>
  insideOfPhase?: Record<string, Record<string, number>>
  resources?: Summary['resources']
  drain?: number
  persisted?: number
  validity?: Summary['validity']
  patch?: Partial<Summary>
}

const spread = (value: number) => ({ p50: value / 2, p95: value, p99: value, max: value, count: 1_000 })

/** A run of a step, with no figures but those given. */
export function made({ step, runId = `run-${step}`, saturation, errors = 0, p99Ms, freshnessMs, readP99Ms = {}, readP50Ms, inside = {}, insideOfPhase = {}, resources = {}, drain, persisted, validity = [], patch = {} }: MadeResult): StepResult {
  const phase = { ...BASE.phases[0]!, measured: true, errors: 0, latencyMs: undefined, serviceMs: undefined, readLatencyMs: undefined, persistedPerSecond: undefined }
  const closed = saturation === undefined ? [] : [{ ...phase, name: 'saturation', acceptedPerSecond: saturation, errors, ...(p99Ms !== undefined && { serviceMs: spread(p99Ms) }) }]
  const reads = Object.entries(readP99Ms).map(([name, value]) => ({ ...phase, name, readLatencyMs: spread(value) }))
  const metrics = (value: number, phases: Record<string, number> = {}) => ({ mean: value, max: value, phases })
  const summary: Summary = {
    ...BASE,
    runId,
    scenario: step,
    validity,
    verdict: { outcome: 'passed', exitCode: 0, reasons: [] },
    phases: [...closed, ...reads, ...(persisted === undefined ? [] : [{ ...phase, name: 'hold', persistedPerSecond: persisted }])],
    overall: { ...phase, name: 'overall', ...(p99Ms !== undefined && { latencyMs: spread(p99Ms) }), ...(readP50Ms !== undefined && { readLatencyMs: { ...spread(readP50Ms), p50: readP50Ms } }) },
    accounting: { ...BASE.accounting!, ...(freshnessMs === undefined ? { freshnessMs: undefined } : { freshnessMs: spread(freshnessMs) }) },
    resources,
    inside: { ...Object.fromEntries(Object.entries(inside).map(([name, value]) => [name, metrics(value)])), ...Object.fromEntries(Object.entries(insideOfPhase).map(([name, phases]) => [name, metrics(1, phases)])) },
    ...patch,
  }
  return { step, runId, summary, ...(drain !== undefined && { drainPerSecond: drain }) }
}

export function results(...those: MadeResult[]): Results {
  return resultsOf(those.map(made))
}
