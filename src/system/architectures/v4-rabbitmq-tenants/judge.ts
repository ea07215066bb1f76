import type { Judge } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import { connectPostgres } from '../../postgres/connect.ts'
import { readPersisted } from '../../postgres/read-orders.ts'
import type { V4Knobs } from './knobs.ts'
import { createMarkers } from './markers.ts'
import { createReads } from './read/reads.ts'
import copyOrders from './sql/copy-orders.sql?raw'
import readStoredCount from './sql/read-stored-count.sql?raw'

/** Reads RabbitMQ, PostgreSQL and Redis from outside the API. Throws when one of them cannot be reached: a judge guesses nothing. */
export async function createJudge(context: Context<V4Knobs>): Promise<Judge> {
  const markers = await createMarkers(context)
  const reads = createReads(context)
  const pool = connectPostgres(context, 'judge', 2)
  return {
    persisted: () => readPersisted(context, { ownedSql: copyOrders }),
    dashboard: () => reads.everybody.dashboard(),
    /** Messages, of which each may hold several events; and never 0 while one is on its way. */
    backlog: markers.backlog,
    async stored() {
      const { rows } = await pool.query<{ count: number }>(readStoredCount)
      return rows[0]!.count
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([markers[Symbol.asyncDispose](), reads[Symbol.asyncDispose](), pool.end()])
    },
  }
}
