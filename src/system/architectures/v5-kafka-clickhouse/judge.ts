import { setTimeout as sleep } from 'node:timers/promises'
import type { Judge } from '../../architecture.ts'
import { connectClickhouse } from '../../clickhouse/connect.ts'
import type { Context } from '../../context.ts'
import { nameIn } from '../../kafka/connect.ts'
import { createKafkaAdmin } from '../../kafka/admin.ts'
import { lagOf } from '../../kafka/lag.ts'
import { committedOffsets, endOffsets } from '../../kafka/offsets.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import type { V5Knobs } from './knobs.ts'
import { GROUP, ORDERS_TOPIC } from './names.ts'
import { readBatch } from './read/batch.ts'
import { createDashboards } from './read/dashboards.ts'
import { readPersisted } from './read/read-orders.ts'
import { createSpeedReader } from './speed/reader.ts'

const CONNECT_WITHIN_MS = 5_000
const BATCH_WITHIN_MS = 20_000

/** Reads Kafka, ClickHouse and Redis from outside the API. Throws when one of them cannot be reached: a judge guesses nothing. */
export async function createJudge(context: Context<V5Knobs>): Promise<Judge> {
  const topic = nameIn(context, ORDERS_TOPIC)
  const group = nameIn(context, GROUP)
  const { views, partitions } = context.knobs
  const clickhouse = connectClickhouse(context, 'judge')
  const redis = connectRedis(context, 'judge')
  const kafka = createKafkaAdmin(context, 'judge')
  const speed = createSpeedReader(redis, partitions)
  const deadlineMs = performance.now() + CONNECT_WITHIN_MS
  while (redis.status !== 'ready' && performance.now() < deadlineMs) await sleep(10)
  return {
    persisted: () => readPersisted(clickhouse),
    /** Nothing of an earlier look: what is there now. */
    dashboard: () => createDashboards(() => readBatch(clickhouse, views, BATCH_WITHIN_MS), speed).dashboard(),
    /**
     * What the group has not committed, and it commits what is stored. Marks of transactions take offsets of their own; they are passed
     * as soon as everything before them is stored, so it may be too much by a few, and gets to 0.
     */
    backlog: () => kafka.ask(async (admin) => lagOf(await endOffsets(admin, topic), await committedOffsets(admin, group, topic))),
    async stored() {
      const [row] = await clickhouse.rows<[number]>('SELECT count() FROM orders')
      return row![0]
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([clickhouse[Symbol.asyncDispose](), closeRedis(redis), kafka[Symbol.asyncDispose]()])
    },
  }
}
