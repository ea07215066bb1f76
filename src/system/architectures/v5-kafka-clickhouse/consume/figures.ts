import { counter, gauge } from '../../../metrics.ts'

/** What one consumer tells of itself. */
export interface Figures {
  duplicates: number
  dead: number
  /** Ids of which only the store could tell whether they had come before. */
  asked: number
  /** By partition: how many offsets there are after what was read. */
  lag: Map<number, number>
  inserted(orders: number, ms: number): void
}

export interface Sources {
  rebalances(): number
  /** Read and not stored. */
  unstored(): number
  partitions(): number
}

export function exposeFigures({ rebalances, unstored, partitions }: Sources): Figures {
  let orders = 0
  let inserts = 0
  let insertMs = 0
  const figures: Figures = {
    duplicates: 0,
    dead: 0,
    asked: 0,
    lag: new Map(),
    inserted(more, ms) {
      orders += more
      inserts += 1
      insertMs += ms
    },
  }
  const lags = () => [...figures.lag.values()]
  counter('lab_events_stored_total', 'Orders inserted into ClickHouse.', () => orders)
  counter('lab_inserts_total', 'Inserts into ClickHouse; each is one cut of one partition.', () => inserts)
  counter('lab_insert_ms_total', 'Time spent waiting for them, ms.', () => insertMs)
  counter('lab_duplicates_total', 'Records left out, as their id had come before in this partition.', () => figures.duplicates)
  counter('lab_ids_asked_total', 'Ids for which the store was asked whether they had come before.', () => figures.asked)
  counter('lab_events_dead_total', 'Records put aside, as they are no orders.', () => figures.dead)
  counter('lab_rebalances_total', 'How often this consumer was given its partitions.', rebalances)
  gauge('lab_partitions', 'Partitions this consumer has.', partitions)
  gauge('lab_unstored_events', 'Orders read and not stored yet.', unstored)
  gauge('lab_consumer_lag_max_events', 'Offsets not read yet of the partition that has most.', () => Math.max(0, ...lags()))
  gauge('lab_consumer_lag_skew', 'That number ÷ their mean; 1 is even, 0 nothing lags.', () => skew(lags()))
  return figures
}

export function skew(lags: readonly number[]): number {
  const sum = lags.reduce((total, it) => total + it, 0)
  return sum === 0 ? 0 : (Math.max(...lags) * lags.length) / sum
}
