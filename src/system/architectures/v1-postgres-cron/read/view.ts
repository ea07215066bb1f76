import type { AnalyticsQuery, AnalyticsRow } from '../../../architecture.ts'
import { boundedCalls } from '../../../bounded-redis.ts'
import type { Context } from '../../../context.ts'
import type { Dashboard } from '../../../dashboard.ts'
import { readAnalytics } from '../../../postgres/analytics.ts'
import { closeRedis, connectRedis } from '../../../redis.ts'
import { createCache, KEPT_MS, type Cache } from './cache.ts'
import type { V1Knobs } from '../knobs.ts'
import { createReader, type Reader } from './reader.ts'
import { createShown } from './shown.ts'

const CONNECTIONS = 4
const REDIS_WITHIN_MS = 250
/** A push may be asked for ten times a second: what was kept for less than this is new enough for everybody. */
const NEW_MS = 100
const KEPT_DASHBOARD = 'answer:dashboard'

/** What is read: by the API's clients, and by the judge. Rejects with `Unavailable`. */
export interface View extends AsyncDisposable {
  /** `atLeast`: a version known to exist; a kept answer that is older and not new will not do. */
  dashboard(atLeast?: number): Promise<Dashboard>
  analytics(query: AnalyticsQuery): Promise<AnalyticsRow[]>
  /** Of the dashboard, as cheaply as it can be had; undefined when it cannot. */
  version(): Promise<number | undefined>
  cache: Cache
  reader: Reader
}

/**
 * With `cache=5s` answers come from Redis: the aggregator's projection as long as it is young, else what was computed within the last 5 s, the newer
 * of the two. With `cache=off` PostgreSQL computes each. Without PostgreSQL an old projection is better than none; without Redis PostgreSQL answers.
 */
export function createView(context: Context<V1Knobs>, purpose: string): View {
  const { knobs } = context
  const redis = connectRedis(context, `${purpose}-reader`)
  const reader = createReader(context, `${purpose}-reader`, CONNECTIONS)
  const bounded = boundedCalls(redis, REDIS_WITHIN_MS)
  const cache = createCache(redis, bounded, knobs.stampede)
  const shown = createShown(knobs, redis, bounded, reader)

  const kept = async <T>(key: string): Promise<T | undefined> => {
    const json = (await bounded(() => redis.get(key)))?.answer
    return typeof json === 'string' ? (JSON.parse(json) as T) : undefined
  }

  async function stored(): Promise<Dashboard> {
    try {
      return await shown.stored()
    } catch (error) {
      const old = await shown.projected()
      if (old === undefined) throw error
      return old
    }
  }

  function cachedDashboard(atLeast: number): Promise<Dashboard> {
    const good = (it: Dashboard | undefined): it is Dashboard => {
      const ageMs = it === undefined ? Infinity : Date.now() - Date.parse(it.asOf)
      return ageMs < NEW_MS || (ageMs < KEPT_MS && it !== undefined && it.version >= atLeast)
    }
    return cache.answer({
      key: KEPT_DASHBOARD,
      async look() {
        const [projected, answered] = await Promise.all([shown.projected(), kept<Dashboard>(KEPT_DASHBOARD)])
        return newest([projected, answered].filter(good))
      },
      compute: stored,
    })
  }

  return {
    async dashboard(atLeast = 0) {
      const live = await shown.live()
      if (live !== undefined) return live
      return await (knobs.cache === 'off' ? stored() : cachedDashboard(atLeast))
    },
    async analytics(query) {
      const key = `answer:analytics:${query.asked}`
      const compute = (): Promise<AnalyticsRow[]> => readAnalytics(reader, query)
      return await (knobs.cache === 'off' ? compute() : cache.answer({ key, look: () => kept<AnalyticsRow[]>(key), compute }))
    },
    version: shown.version,
    cache,
    reader,
    async [Symbol.asyncDispose]() {
      await Promise.all([closeRedis(redis), reader[Symbol.asyncDispose]()])
    },
  }
}

function newest(dashboards: readonly Dashboard[]): Dashboard | undefined {
  return dashboards.reduce<Dashboard | undefined>((best, it) => (best === undefined || it.version > best.version ? it : best), undefined)
}
