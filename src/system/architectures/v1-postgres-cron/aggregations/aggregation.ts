import type pg from 'pg'

/** One way to bring `totals` up to date. Called for one aggregator at a time, on a connection of its own, outside a transaction. */
export interface Aggregation {
  run(client: pg.PoolClient): Promise<void>
}
