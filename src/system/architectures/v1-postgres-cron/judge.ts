import type { Judge } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import { connectPostgres } from '../../postgres/connect.ts'
import { readPersisted } from '../../postgres/read-orders.ts'
import type { V1Knobs } from './knobs.ts'
import { createView } from './view.ts'

/** Reads PostgreSQL and Redis from outside the API. */
export async function createJudge(context: Context<V1Knobs>): Promise<Judge> {
  const pool = connectPostgres(context, 'judge', 2)
  const view = createView(context, 'judge')
  return {
    persisted: () => readPersisted(context),
    dashboard: view.dashboard,
    // Accepted means stored.
    backlog: async () => 0,
    async stored() {
      const { rows } = await pool.query<{ count: number }>('SELECT count(*)::float8 AS count FROM orders')
      return rows[0]!.count
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([view[Symbol.asyncDispose](), pool.end()])
    },
  }
}
