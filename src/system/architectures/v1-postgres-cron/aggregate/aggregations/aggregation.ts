import type { ClientBase } from 'pg'

/** One way to bring `totals` up to date. */
export interface Aggregation {
  /** Statements that make what it needs beside `orders` and `totals`; each harmless when it is there already. */
  schema: readonly string[]
  /**
   * A transaction of this aggregation that does nothing for so long belongs to a process that stands still, ms: PostgreSQL ends it, and with
   * it the turn, so that another aggregator goes on.
   */
  stalledAfterMs: number
  /**
   * Called inside a transaction (READ COMMITTED) while no other aggregator is inside one. Resolves with how many rows of `orders` it looked at.
   */
  run(client: ClientBase): Promise<number>
}

/** Between two statements of an aggregation that computes in the database. */
export const SQL_STALLED_AFTER_MS = 5_000
