import { seenPerSecond, type Cell } from './cell.ts'

export type Met = 'met' | 'not met' | 'beyond this machine' | 'not measured'

/** What a system of a size is expected to do. */
export const TIERS = [
  { name: 'small', ingestPerSecond: 1_000, queryP95Ms: 100, lagMs: 5_000 },
  { name: 'medium', ingestPerSecond: 10_000, queryP95Ms: 50, lagMs: 5_000 },
  { name: 'large', ingestPerSecond: 100_000, queryP95Ms: 10, lagMs: 1_000 },
] as const

export interface TierResult {
  tier: (typeof TIERS)[number]['name']
  ingest: Met
  query: Met
  lag: Met
}

/** With more than this part of all cores busy it is the machine that gave out, unless others kept it busy. */
const MACHINE_IS_FULL = 0.9
/** Work that the kernel does for all of them belongs to no process. */
const MOSTLY_OURS = 0.7

/**
 * Pure. Ingest is met by the highest rate that was seen; where the closed loop filled the machine, more is beyond it. Queries and lag are
 * those of the runs at constant and changing load, as measured: where the tier's rate was not reached, they are not known for it.
 */
export function judgeTiers(cells: readonly Cell[]): TierResult[] {
  const believed = cells.filter((cell) => cell.believed !== 'nothing')
  const seen = seenPerSecond(believed)
  const isFull = believed.some(({ busyAtSaturation: busy = 0, oursAtSaturation: ours = 0 }) => busy >= MACHINE_IS_FULL && ours >= MOSTLY_OURS * busy)
  const worst = (of: (cell: Cell) => number | undefined) => {
    const values = cells.filter((cell) => cell.believed === 'all').flatMap((cell) => of(cell) ?? [])
    return values.length === 0 ? undefined : Math.max(...values)
  }
  const query = worst(({ readLatencyMs }) => (readLatencyMs !== undefined && readLatencyMs.count > 0 ? readLatencyMs.p95 : undefined))
  const lag = worst(({ freshnessMs }) => (freshnessMs !== undefined && freshnessMs.count > 0 ? freshnessMs.p99 : undefined))
  return TIERS.map(({ name, ingestPerSecond, queryP95Ms, lagMs }) => {
    const reached = seen >= ingestPerSecond
    const within = (value: number | undefined, bound: number): Met => (value === undefined ? 'not measured' : value > bound ? 'not met' : reached ? 'met' : 'not measured')
    return { tier: name, ingest: believed.length === 0 ? 'not measured' : reached ? 'met' : isFull ? 'beyond this machine' : 'not met', query: within(query, queryP95Ms), lag: within(lag, lagMs) }
  })
}
