import { Unavailable, type Backend } from '../../architecture.ts'
import { listenForChanges } from '../../changes.ts'
import { clickhouseReason, connectClickhouse } from '../../clickhouse/connect.ts'
import type { Context } from '../../context.ts'
import { nameIn } from '../../kafka/connect.ts'
import { createKafkaPublisher } from '../../kafka/publisher.ts'
import { encodeOrders } from '../../record.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import type { V5Knobs } from './knobs.ts'
import { CHANGES, ORDERS_TOPIC } from './names.ts'
import { readAnalytics } from './read/analytics.ts'
import { readBatch } from './read/batch.ts'
import { createDashboards } from './read/dashboards.ts'
import { createSpeedReader } from './speed/reader.ts'

/** A dashboard waits so long for ClickHouse, if it must at all: 80 rows from a view, or every order there is. */
const BATCH_WITHIN_MS = { on: 2_000, off: 20_000 } as const

/** What one API replica of v5 holds: a publisher, connections to read ClickHouse and Redis, and one to listen on. */
export async function createBackend(context: Context<V5Knobs>): Promise<Backend> {
  const { views, partitions, linger } = context.knobs
  const publisher = createKafkaPublisher(context, { topic: nameIn(context, ORDERS_TOPIC), partitions, partitionOf: 'id', encode: (order) => encodeOrders([order]), lingerMs: linger })
  const clickhouse = connectClickhouse(context, 'api')
  const redis = connectRedis(context, 'api-reader')
  const changes = listenForChanges(context, CHANGES)
  const dashboards = createDashboards(() => readBatch(clickhouse, views, BATCH_WITHIN_MS[views]).catch(away), createSpeedReader(redis, partitions))

  return {
    accepted: 202,
    showsUnstored: true,
    publish: publisher.publish,
    ready: publisher.ready,
    dashboard: dashboards.dashboard,
    analytics: (query) => readAnalytics(clickhouse, views, query).catch(away),
    onChange: changes.onChange,
    async [Symbol.asyncDispose]() {
      await Promise.all([publisher[Symbol.asyncDispose](), changes[Symbol.asyncDispose](), closeRedis(redis), clickhouse[Symbol.asyncDispose]()])
    },
  }
}

function away(error: unknown): never {
  throw new Unavailable(clickhouseReason(error), 1)
}
