import { V1_BASE } from '../../scenarios/scale/steps.ts'
import type { ScaleSize } from '../../scenarios/scale/step.ts'
import { int, ms, num } from '../numbers.ts'
import { table } from '../table.ts'
import { runIds } from './cells.ts'
import { cpuMsPerThousand, drain, failedAt, figureOf, freshnessP50Ms, held, persisted, saturation, services, type Figure, type Results } from './result.ts'
import { breaksAt } from './system-limits.ts'

/** From one architecture to the next, and what else than the rate asks for it. */
interface Move {
  from: string
  to: string
  /** Where no number decides. */
  also: (results: Results, size: ScaleSize) => { says: string; runIds: readonly string[] } | undefined
}

/** Steps that tell of an architecture: its search where there is one, its closed loop where not. */
const STEPS: Readonly<Record<string, { search?: string; ceiling: string }>> = {
  v0: { search: 'capacity-v0', ceiling: 'ceiling-v0' },
  v1: { search: 'capacity-v1', ceiling: V1_BASE },
  'v1, quick fixes': { search: 'capacity-v1-fixed', ceiling: 'fixed' },
  v2: { search: 'capacity-v2', ceiling: 'ceiling-v2' },
  v3: { search: 'capacity-v3', ceiling: 'ceiling-v3' },
  v4: { search: 'capacity-v4', ceiling: 'ceiling-v4' },
  v5: { search: 'capacity-v5', ceiling: 'ceiling-v5' },
}

const said = (says: string): Move['also'] => () => ({ says, runIds: [] })

const MOVES: readonly Move[] = [
  { from: 'v0', to: 'v1', also: said('an accepted order must not be lost: v0 promises none of it') },
  { from: 'v1', to: 'v1, quick fixes', also: (results, size) => aggregationBreaks(results, 'group-by', size) },
  { from: 'v1, quick fixes', to: 'v2', also: (results) => freshness(results, 'fixed') },
  { from: 'v2', to: 'v3', also: said('windows, late orders and other jobs over the same stream') },
  { from: 'v2', to: 'v4', also: said('tenants with keys, rights and limits of their own') },
  { from: 'v2', to: 'v5', also: said('questions to more orders than PostgreSQL answers in time: row "ClickHouse" of the claims') },
]

/** 7: one decision table. */
export function moveSection(results: Results, size: ScaleSize): string {
  const rows = MOVES.map(({ from, to, also }) => {
    const [before, after] = [limitOf(results, from), limitOf(results, to)]
    const other = also(results, size)
    const [beforeParts, afterParts] = [from, to].map((name) => figureOf(results, STEPS[name]!.ceiling, services))
    const [beforeCpu, afterCpu] = [from, to].map((name) => figureOf(results, STEPS[name]!.ceiling, cpuMsPerThousand))
    const ids = runIds(...[before, after].map((one) => one?.figure), beforeParts, afterParts, beforeCpu, afterCpu)
    return [
      `${from} → ${to}`,
      before === undefined ? `not measured: ${missing(results, from)}` : `more than ${before.says}`,
      other === undefined ? 'not measured' : `${other.says}${other.runIds.length === 0 ? '' : ` (${other.runIds.map((id) => `\`${id}\``).join(', ')})`}`,
      after === undefined ? `not measured: ${missing(results, to)}` : `up to ${after.says}${before?.method === after.method ? `, × ${num(after.figure.value / before.figure.value)}` : ''}`,
      change(beforeParts, afterParts, int),
      change(beforeCpu, afterCpu, num),
      ids === '' ? '–' : ids,
    ]
  })
  const method = 'The rate that an architecture holds by its search (p99 ≤ 100 ms, no backlog that grows) where there is one; by the closed loop where not, and then it is what is accepted, no promise of latency. Stored/s: what its consumers drained under it. Where the next one takes less, on this machine the rate is no reason to move.'
  return ['## 7. When to move from each architecture to the next', method, table(['move', 'when it must take', 'or when', 'it then takes', 'services', 'CPU ms per 1,000', 'runs'], rows, 9)].join('\n\n')
}

function limitOf(results: Results, name: string): { says: string; method: 'search' | 'closed loop'; figure: Figure } | undefined {
  const { search, ceiling } = STEPS[name]!
  const found = search === undefined ? undefined : figureOf(results, search, held)
  if (found !== undefined && search !== undefined) {
    const fail = figureOf(results, search, failedAt)
    return { says: `${int(found.value)}/s (search${fail === undefined ? '' : `; not ${int(fail.value)}/s`})`, method: 'search', figure: found }
  }
  const accepted = figureOf(results, ceiling, saturation)
  if (accepted === undefined) return undefined
  const stored = figureOf(results, ceiling, (result) => drain(result) ?? persisted(result))
  return { says: `${int(accepted.value)}/s (closed loop${stored === undefined ? '' : `; stored ${int(stored.value)}/s`})`, method: 'closed loop', figure: accepted }
}

function missing(results: Results, name: string): string {
  const { ceiling } = STEPS[name]!
  return results.of(ceiling).length > 0 ? `${ceiling} cannot be believed` : `${ceiling}: ${results.why(ceiling)}`
}

function aggregationBreaks(results: Results, aggregator: string, size: ScaleSize): ReturnType<Move['also']> {
  const broken = breaksAt(results, aggregator, size)
  return broken && { says: broken.at === undefined ? `its aggregation outlasts the second between two: not up to ${int(broken.largest)} orders` : `its aggregation outlasts the second between two: at ${int(broken.at)} orders`, runIds: broken.runIds }
}

function freshness(results: Results, step: string): ReturnType<Move['also']> {
  const figure = figureOf(results, step, freshnessP50Ms)
  return figure && { says: `orders must be visible sooner than ${ms(figure.value)} (p50)`, runIds: figure.runIds }
}

function change(before: Figure | undefined, after: Figure | undefined, render: (value: number) => string): string {
  return before === undefined && after === undefined ? '–' : [before, after].map((one) => (one === undefined ? '–' : render(one.value))).join(' → ')
}
