import type { Backend } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import { counter, gauge } from '../../metrics.ts'
import { createRateLimit, perMinute, type RateLimit } from '../../rate-limit.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import { createChanges } from './read/changes.ts'
import type { V1Knobs } from './knobs.ts'
import { watchReplica, type ReplicaLag } from './read/replica-lag.ts'
import { createView, type View } from './read/view.ts'
import { createWriter } from './write/writer.ts'

/** What one API replica of v1 holds: who may write, what writes, what reads, and what hears of changes. */
export function createBackend(context: Context<V1Knobs>): Backend {
  const writer = createWriter(context)
  const view = createView(context, 'api')
  const changes = createChanges(context, view.version)
  const limit = limitCustomers(context)
  const lag = context.knobs.replica === 'on' ? watchReplica(context) : undefined
  exposeReads(view, limit?.rateLimit, lag)
  return {
    accepted: writer.accepted,
    publish: writer.publish,
    ready: writer.ready,
    ...(limit && { admit: limit.rateLimit.admit }),
    async dashboard() {
      const told = changes.told()
      const shown = await view.dashboard(told)
      if (shown.version < told) changes.again()
      return shown
    },
    analytics: view.analytics,
    onChange: changes.onChange,
    async [Symbol.asyncDispose]() {
      await Promise.all([writer, view, changes, limit, lag].map((it) => it?.[Symbol.asyncDispose]()))
    },
  }
}

function limitCustomers(context: Context<V1Knobs>): ({ rateLimit: RateLimit } & AsyncDisposable) | undefined {
  const limit = perMinute(context.knobs.rateLimit)
  if (limit === undefined) return undefined
  // A connection of its own: its answers are waited for before every order, and must not queue behind dashboards.
  const redis = connectRedis(context, 'api-limit')
  return { rateLimit: createRateLimit(redis, limit), [Symbol.asyncDispose]: () => closeRedis(redis) }
}

function exposeReads({ cache, reader }: View, rateLimit: RateLimit | undefined, lag: ReplicaLag | undefined): void {
  counter('lab_cache_hits_total', 'Reads answered from what was kept.', cache.hits)
  counter('lab_cache_misses_total', 'Reads that were computed, as nothing was kept.', cache.misses)
  counter('lab_cache_waits_total', 'Reads answered with what another one computed meanwhile.', cache.waits)
  counter('lab_db_read_queries_total', 'Statements that read from PostgreSQL.', reader.statements)
  if (rateLimit !== undefined) {
    counter('lab_rate_limited_total', 'Order requests refused as their customer had sent enough.', rateLimit.limited)
    counter('lab_rate_limit_open_total', 'Order requests let through as nobody knew what their customer had sent.', rateLimit.open)
  }
  if (lag !== undefined) {
    counter('lab_replica_fallbacks_total', 'Reads that the primary answered in place of the replica.', reader.fallbacks)
    gauge('lab_replica_lag_bytes', 'Log that the replica has not replayed yet.', lag.bytes)
    gauge('lab_replica_lag_seconds', 'How old the replica is.', lag.seconds)
  }
}
