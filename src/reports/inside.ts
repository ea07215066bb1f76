import type { PhaseRecord } from '../run/record.ts'
import { largest, mean } from './statistics.ts'

/** One figure of the system's own over the measured phases: a rate per second of what is counted (`_total`, `db_queries`), a level of all else. */
export interface MetricFigures {
  mean: number
  /** Of one second. */
  max: number
  /** Mean by phase. */
  phases: Record<string, number>
}

type Metrics = Readonly<Record<string, number>>

/** Database statements, whichever of their names the architecture counts them under. */
const QUERIES = ['lab_db_read_queries_total', 'lab_db_write_queries_total']
const HITS = 'lab_cache_hits_total'
const MISSES = 'lab_cache_misses_total'

export function insideFigures(phases: readonly PhaseRecord[]): Record<string, MetricFigures> {
  const measured = phases.map((phase) => ({ name: phase.name, samples: phase.samples.map(({ metrics }) => metrics).filter((metrics) => metrics !== undefined).map(withQueries) }))
  const all = measured.flatMap(({ samples }) => samples)
  const names = [...new Set(all.flatMap((metrics) => Object.keys(metrics)))].sort()
  const began = Object.fromEntries(names.map((name) => [name, all.findIndex((metrics) => name in metrics)]))
  const order = new Map(all.map((metrics, index) => [metrics, index]))
  /** A counter that nothing has counted yet may not be told: it stands at zero until it is. Later it is missing where nobody answered. */
  const values = (samples: Metrics[], name: string) =>
    samples.flatMap((metrics) => metrics[name] ?? (name.endsWith('_total') && order.get(metrics)! < began[name]! ? 0 : []))
  const figures = Object.fromEntries(names.map((name) => {
    const byPhase = measured.flatMap((phase) => {
      const mine = values(phase.samples, name)
      return mine.length === 0 ? [] : [[phase.name, mean(mine)] as const]
    })
    return [name, { mean: mean(values(all, name)), max: largest(values(all, name))!, phases: Object.fromEntries(byPhase) }]
  }))
  return { ...figures, ...hitRate(figures, all) }
}

function withQueries(metrics: Metrics): Metrics {
  const parts = QUERIES.flatMap((name) => metrics[name] ?? [])
  return parts.length === 0 ? metrics : { ...metrics, db_queries: parts.reduce((sum, part) => sum + part) }
}

/** Of all that was asked for in a stretch: a mean of the seconds' rates would count a quiet second as much as a busy one. */
function hitRate(figures: Record<string, MetricFigures>, samples: Metrics[]): Record<string, MetricFigures> {
  const hits = figures[HITS]
  const misses = figures[MISSES]
  if (hits === undefined || misses === undefined || hits.mean + misses.mean === 0) return {}
  const share = (hit = 0, miss = 0) => (hit + miss === 0 ? [] : [hit / (hit + miss)])
  const phases = Object.keys(hits.phases).flatMap((name) => share(hits.phases[name], misses.phases[name]).map((rate) => [name, rate] as const))
  const seconds = samples.flatMap((metrics) => share(metrics[HITS], metrics[MISSES]))
  return { cache_hit_rate: { mean: share(hits.mean, misses.mean)[0]!, max: largest(seconds) ?? 0, phases: Object.fromEntries(phases) } }
}
