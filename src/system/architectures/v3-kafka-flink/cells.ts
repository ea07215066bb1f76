import type { TotalsRow } from '../../postgres/totals.ts'

/** What Flink says of one cell: (hour, product, store, type) of the events, which are in no other. */
export interface Cell {
  count: number
  revenueCents: number
  /** How many of them came after their window was closed. */
  lateCount: number
}

/** Running totals by cell, and added up as the dashboard shows them. */
export interface Cells {
  /**
   * Takes what is said of a cell. Flink says smaller figures again after it has gone back to a checkpoint; what was known stays then, as it holds
   * all of that. Throws on what is no cell.
   */
  take(key: Buffer, value: Buffer): void
  /** Rows as of the table `totals`. */
  rows(): TotalsRow[]
  count(): number
  lateCount(): number
}

const DIMENSIONS = ['hour', 'product', 'store', 'type'] as const
type Place = Readonly<Record<(typeof DIMENSIONS)[number], number>>

export function createCells(): Cells {
  const cells = new Map<string, Cell & { place: Place }>()
  const sums = new Map<string, TotalsRow>()
  let lateCount = 0

  function add(dimension: string, key: number, count: number, revenueCents: number): void {
    const name = `${dimension} ${key}`
    const row = sums.get(name)
    if (row === undefined) {
      sums.set(name, { dimension, key, count, revenue_cents: revenueCents })
    } else {
      row.count += count
      row.revenue_cents += revenueCents
    }
  }

  return {
    take(key, value) {
      const name = key.toString('latin1')
      const said = readCell(value)
      const known = cells.get(name)
      if (known !== undefined && said.count < known.count) return
      const place = known?.place ?? readPlace(name)
      const count = said.count - (known?.count ?? 0)
      const revenueCents = said.revenueCents - (known?.revenueCents ?? 0)
      lateCount += said.lateCount - (known?.lateCount ?? 0)
      cells.set(name, { ...said, place })
      add('all', 0, count, revenueCents)
      for (const dimension of DIMENSIONS) add(dimension, place[dimension], count, revenueCents)
    },
    rows: () => [...sums.values()],
    count: () => sums.get('all 0')?.count ?? 0,
    lateCount: () => lateCount,
  }
}

function readPlace(json: string): Place {
  const place = JSON.parse(json) as Record<string, unknown>
  for (const dimension of DIMENSIONS) if (!Number.isInteger(place[dimension])) throw new Error(`no cell: ${json.slice(0, 200)}`)
  return place as Place
}

function readCell(bytes: Buffer): Cell {
  const { count, revenueCents, lateCount = 0 } = JSON.parse(bytes.toString('latin1')) as Record<string, unknown>
  if (!isCount(count) || !isCount(revenueCents) || !isCount(lateCount)) throw new Error(`no totals: ${bytes.toString('latin1', 0, 200)}`)
  return { count, revenueCents, lateCount }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** Adds rows of one reading to those of another, by dimension and key. */
export function addRows(a: readonly TotalsRow[], b: readonly TotalsRow[]): TotalsRow[] {
  if (b.length === 0) return [...a]
  const sums = new Map(a.map((row) => [`${row.dimension} ${row.key}`, { ...row }]))
  for (const row of b) {
    const name = `${row.dimension} ${row.key}`
    const sum = sums.get(name)
    if (sum === undefined) {
      sums.set(name, { ...row })
    } else {
      sum.count += row.count
      sum.revenue_cents += row.revenue_cents
    }
  }
  return [...sums.values()]
}
