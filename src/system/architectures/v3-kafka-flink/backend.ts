import { Unavailable, type Backend } from '../../architecture.ts'
import { listenForChanges } from '../../changes.ts'
import type { Context } from '../../context.ts'
import { nameIn } from '../../kafka/connect.ts'
import { createKafkaPublisher } from '../../kafka/publisher.ts'
import { readAnalytics } from '../../postgres/analytics.ts'
import { connectPostgres } from '../../postgres/connect.ts'
import { reasonOf } from '../../reason.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import { encodeOrder } from './encode.ts'
import type { V3Knobs } from './knobs.ts'
import { CHANGES, ORDERS_TOPIC } from './names.ts'
import { seriesDescription, seriesRoute } from './series.ts'
import { createView } from './view.ts'

const CONNECTIONS = 4

/** What one API replica of v3 holds: a producer, a connection to Redis to read from, one to listen on, and a small pool for analytics. */
export function createBackend(context: Context<V3Knobs>): Backend {
  const { knobs } = context
  // Events of a request stay in one record batch, which Kafka writes whole or not at all.
  const publisher = createKafkaPublisher(context, { topic: nameIn(context, ORDERS_TOPIC), partitions: knobs.partitions, partitionOf: 'request', encode: encodeOrder, lingerMs: knobs.linger })
  const redis = connectRedis(context, 'api-reader')
  const changes = listenForChanges(context, CHANGES)
  const pool = connectPostgres(context, 'api', CONNECTIONS)
  const view = createView(redis, pool)

  return {
    accepted: 202,
    showsUnstored: true,
    publish: publisher.publish,
    ready: publisher.ready,
    dashboard: view.dashboard,
    async analytics(query) {
      try {
        return await readAnalytics(pool, query)
      } catch (error) {
        throw new Unavailable(`PostgreSQL does not answer: ${reasonOf(error)}`, 1)
      }
    },
    onChange: changes.onChange,
    describes: seriesDescription(),
    routes: (app) => seriesRoute(app, knobs.window, view),
    async [Symbol.asyncDispose]() {
      await Promise.all([publisher[Symbol.asyncDispose](), closeRedis(redis), changes[Symbol.asyncDispose](), pool.end()])
    },
  }
}
