import { setTimeout as sleep } from 'node:timers/promises'
import type { Judge } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import { nameIn } from '../../kafka/connect.ts'
import { createKafkaAdmin } from '../../kafka/admin.ts'
import { lagOf } from '../../kafka/lag.ts'
import { committedOffsets, endOffsets } from '../../kafka/offsets.ts'
import { connectPostgres } from '../../postgres/connect.ts'
import { readPersisted } from '../../postgres/read-orders.ts'
import { createStoredCount } from '../../postgres/stored-count.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import { GROUP, ORDERS_TOPIC } from './names.ts'
import readHistoryCount from './sql/read-history-count.sql?raw'
import { createView } from './view.ts'

const CONNECT_WITHIN_MS = 5_000

/** Reads Kafka, PostgreSQL and Redis from outside the API. Throws when one of them cannot be reached: a judge guesses nothing. */
export async function createJudge(context: Context<{ brokers?: unknown }>): Promise<Judge> {
  const topic = nameIn(context, ORDERS_TOPIC)
  const group = nameIn(context, GROUP)
  const redis = connectRedis(context, 'judge')
  const pool = connectPostgres(context, 'judge', 2)
  const admin = createKafkaAdmin(context, 'judge')
  const stored = createStoredCount(context)
  const view = createView(redis, pool)
  const deadlineMs = performance.now() + CONNECT_WITHIN_MS
  while (redis.status !== 'ready' && performance.now() < deadlineMs) await sleep(10)

  async function history(): Promise<number> {
    const { rows } = await pool.query<{ count: number }>({ name: 'read-history-count', text: readHistoryCount })
    return rows[0]?.count ?? 0
  }

  return {
    persisted: () => readPersisted(context),
    dashboard: view.dashboard,
    /**
     * Two bounds, neither ever too low. What no checkpoint has read is exact with every checkpoint and grows until the next; what is in the topic
     * and not in the table is exact all the time, as long as nothing was sent twice.
     */
    async backlog() {
      // Rows first: what is stored while the others are read must not count for what is not.
      const [rows, before] = await Promise.all([stored.read(), history()])
      const [ends, committed] = await admin.ask(async (it) => [await endOffsets(it, topic), await committedOffsets(it, group, topic)] as const)
      const sent = [...ends.values()].reduce((a, b) => a + b, 0)
      return Math.min(lagOf(ends, committed), Math.max(0, sent - (rows - before)))
    },
    stored: stored.read,
    async [Symbol.asyncDispose]() {
      await Promise.all([admin[Symbol.asyncDispose](), stored[Symbol.asyncDispose](), closeRedis(redis), pool.end()])
    },
  }
}
