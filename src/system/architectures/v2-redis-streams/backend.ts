import { Unavailable, type Backend } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import type { Dashboard } from '../../dashboard.ts'
import { readAnalytics } from '../../postgres/analytics.ts'
import { connectPostgres } from '../../postgres/connect.ts'
import { reasonOf } from '../../reason.ts'
import { channelOf, closeRedis, connectRedis } from '../../redis.ts'
import { CHANGES } from './names.ts'
import { createPublisher } from './publisher.ts'
import { readDashboard } from './view.ts'

const CONNECTIONS = 4
/** Without Redis nobody tells of changes: then PostgreSQL is looked at so often. */
const BLIND_MS = 1_000

/** What one API replica of v2 holds: a connection to publish on, one to read from, one to listen on, and a small pool for analytics. */
export function createBackend(context: Context<{ maxlen: number }>): Backend {
  const publisher = createPublisher(context, context.knobs.maxlen)
  const redis = connectRedis(context, 'api-reader')
  const listener = connectRedis(context, 'api-listener')
  const pool = connectPostgres(context, 'api', CONNECTIONS)
  const listeners = new Set<() => void>()
  const tell = () => listeners.forEach((it) => it())
  let reading: Promise<Dashboard> | undefined

  listener.on('message', tell)
  listener.on('ready', () => {
    // Whatever was told while it was away is lost: look.
    listener.subscribe(channelOf(listener, CHANGES)).then(tell, () => {})
  })
  const blind = setInterval(() => {
    if (listener.status !== 'ready') tell()
  }, BLIND_MS)
  blind.unref()

  return {
    accepted: 202,
    publish: publisher.publish,
    ready: publisher.ready,
    /** Requests that come while one reading is under way share it. */
    dashboard: () => (reading ??= readDashboard(redis, pool).finally(() => { reading = undefined })),
    async analytics(query) {
      try {
        return await readAnalytics(pool, query)
      } catch (error) {
        throw new Unavailable(`PostgreSQL does not answer: ${reasonOf(error)}`, 1)
      }
    },
    onChange(it) {
      listeners.add(it)
      return { [Symbol.dispose]: () => void listeners.delete(it) }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(blind)
      await Promise.all([publisher[Symbol.asyncDispose](), closeRedis(redis), closeRedis(listener), pool.end()])
    },
  }
}
