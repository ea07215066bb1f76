import type { Clickhouse } from '../../../clickhouse/connect.ts'
import { DIMENSIONS, MAP_OF } from '../../../dashboard.ts'
import { nameOf } from '../../../postgres/totals.ts'
import type { V5Knobs } from '../knobs.ts'
import { emptyTotals, type Totals } from '../speed/tallies.ts'
import countOrders from '../sql/count-orders.sql?raw'
import readReached from '../sql/read-reached.sql?raw'
import readTotals from '../sql/read-totals.sql?raw'

/** What ClickHouse has, in one picture. */
export interface BatchLayer {
  totals: Totals
  /** By partition, the offset before which everything is counted here and after which nothing is. */
  reached: ReadonlyMap<number, number>
}

/** Dimension, position of the name (of an hour: hours since the epoch), count, cents, end of the last batch. */
export type TotalsRow = [dimension: string, name: number, count: number, cents: number, upto: number]

/** Reads it. Rejects when ClickHouse is away, or takes longer. */
export async function readBatch(clickhouse: Clickhouse, views: V5Knobs['views'], withinMs: number): Promise<BatchLayer> {
  if (views === 'on') return toBatchLayer(await clickhouse.rows<TotalsRow>(readTotals, { withinMs }))
  // A partition's row is written after its orders. So what is read of them second is at least what was reached first, and the rest is left out.
  const reached = new Map(await clickhouse.rows<[number, number]>(readReached, { withinMs }))
  const uptos = Array.from({ length: Math.max(0, ...[...reached.keys()].map((it) => it + 1)) }, (_, partition) => reached.get(partition) ?? 0)
  return { ...toBatchLayer(await clickhouse.rows<TotalsRow>(countOrders, { withinMs, params: { uptos } })), reached }
}

/** Pure. */
export function toBatchLayer(rows: readonly TotalsRow[]): BatchLayer {
  const totals = emptyTotals()
  const reached = new Map<number, number>()
  for (const [dimension, name, count, revenueCents, upto] of rows) {
    const known = DIMENSIONS.find((it) => it === dimension)
    if (known !== undefined) totals[MAP_OF[known]][nameOf(known, name)] = { count, revenueCents }
    else if (name >= 0) reached.set(name, upto)
    if (known !== 'type') continue
    totals.count += count
    totals.revenueCents += revenueCents
  }
  return { totals, reached }
}
