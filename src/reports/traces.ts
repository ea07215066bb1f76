import type { Percentiles } from '../run/events.ts'
import type { RunRecord } from '../run/record.ts'
import { STAGES, waysOf, type Stage, type Way } from './stages.ts'

/** Where the time of the traced events went, as a summary has it. */
export interface TraceFigures {
  /** One event in so many was traced. */
  oneIn: number
  complete: number
  incomplete: number
  refused: number
  /** Spans that were lost for want of room. */
  spansDropped: number
  overall?: StretchFigures
  /** By the moment the event was due. */
  phases: (StretchFigures & { name: string })[]
  /** The slowest of the measured phases. */
  slowest?: { id: string; phase: string; totalMs: number; stages: { stage: Stage; fromMs: number; ms: number }[] }
}

export interface StretchFigures {
  /** From the moment an event was due to its last stage. */
  totalMs: Percentiles
  stages: StageFigures[]
}

export interface StageFigures extends Percentiles {
  stage: Stage
  /** Of all the time of all these events; all shares of a stretch add up to 1. */
  share: number
}

/** `undefined` where the run was not observed. */
export function traceFigures({ run, spans, traced, phases }: Pick<RunRecord, 'run' | 'spans' | 'traced' | 'phases'>): TraceFigures | undefined {
  if (run.observe === undefined || spans === undefined) return undefined
  const { complete, incomplete, refused } = waysOf(spans)
  const inPhase = phases.map(({ name, measured, beganAtMs, seconds }) => ({ name, measured, ways: complete.filter(({ fromMs }) => fromMs >= beganAtMs && fromMs < beganAtMs + seconds * 1_000) }))
  const measured = inPhase.filter((phase) => phase.measured)
  const slowest = measured.flatMap(({ name, ways }) => ways.map((way) => ({ ...way, phase: name }))).reduce<(Way & { phase: string }) | undefined>((worst, way) => (worst === undefined || way.totalMs > worst.totalMs ? way : worst), undefined)
  return {
    oneIn: run.observe.oneIn,
    complete: complete.length,
    incomplete,
    refused,
    spansDropped: traced?.dropped ?? 0,
    overall: stretch(measured.flatMap(({ ways }) => ways)),
    phases: measured.flatMap(({ name, ways }) => {
      const figures = stretch(ways)
      return figures === undefined ? [] : [{ name, ...figures }]
    }),
    slowest: slowest && { id: slowest.id, phase: slowest.phase, totalMs: slowest.totalMs, stages: oneAfterAnother(slowest) },
  }
}

function stretch(ways: readonly Way[]): StretchFigures | undefined {
  if (ways.length === 0) return undefined
  const all = ways.reduce((sum, { totalMs }) => sum + totalMs, 0)
  const seen = STAGES.filter((stage) => ways[0]!.stages[stage] !== undefined)
  return {
    totalMs: exactPercentiles(ways.map(({ totalMs }) => totalMs)),
    stages: seen.map((stage) => {
      const values = ways.map(({ stages }) => stages[stage] ?? 0)
      return { stage, ...exactPercentiles(values), share: all === 0 ? 1 / seen.length : values.reduce((sum, value) => sum + value, 0) / all }
    }),
  }
}

/** Of the values themselves, by nearest rank: there are thousands, not millions. */
function exactPercentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sorted.at(-1)!, count: sorted.length }
}

function oneAfterAnother({ stages }: Way): { stage: Stage; fromMs: number; ms: number }[] {
  let fromMs = 0
  return STAGES.flatMap((stage) => {
    const ms = stages[stage]
    if (ms === undefined) return []
    const one = { stage, fromMs, ms }
    fromMs += ms
    return [one]
  })
}
