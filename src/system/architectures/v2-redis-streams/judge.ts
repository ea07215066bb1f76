import { setTimeout as sleep } from 'node:timers/promises'
import type { Judge } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import { connectPostgres } from '../../postgres/connect.ts'
import { readPersisted } from '../../postgres/read-orders.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import readStoredCount from './sql/read-stored-count.sql?raw'
import { createOrderStream } from './stream.ts'
import { readDashboard } from './view.ts'

const CONNECT_WITHIN_MS = 5_000

/** Reads PostgreSQL and Redis from outside the API. Throws when one of them cannot be reached: a judge guesses nothing. */
export async function createJudge(context: Context): Promise<Judge> {
  const redis = connectRedis(context, 'judge')
  const pool = connectPostgres(context, 'judge', 2)
  const deadlineMs = performance.now() + CONNECT_WITHIN_MS
  while (redis.status !== 'ready' && performance.now() < deadlineMs) await sleep(10)
  return {
    persisted: () => readPersisted(context),
    dashboard: () => readDashboard(redis, pool),
    backlog: createOrderStream(redis).backlog,
    async stored() {
      const { rows } = await pool.query<{ count: number }>(readStoredCount)
      return rows[0]?.count ?? 0
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([closeRedis(redis), pool.end()])
    },
  }
}
