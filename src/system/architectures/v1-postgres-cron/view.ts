import { Unavailable, type AnalyticsQuery, type AnalyticsRow } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import type { Dashboard } from '../../dashboard.ts'
import { readAnalytics } from '../../postgres/analytics.ts'
import { connectPostgres } from '../../postgres/connect.ts'
import readTotals from '../../postgres/sql/read-totals.sql?raw'
import { dashboardFromTotals, type TotalsRow } from '../../postgres/totals.ts'
import { reasonOf } from '../../reason.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import type { V1Knobs } from './knobs.ts'
import { DASHBOARD } from './names.ts'

/** What is read: by the API's clients, and by the judge. */
export interface View extends AsyncDisposable {
  dashboard(): Promise<Dashboard>
  analytics(query: AnalyticsQuery): Promise<AnalyticsRow[]>
}

export function createView(context: Context<V1Knobs>, purpose: string): View {
  const redis = connectRedis(context, `${purpose}-reader`)
  const pool = connectPostgres(context, `${purpose}-reader`, 4)
  const answered = <T>(answer: Promise<T>) => answer.catch((error: unknown) => {
    throw new Unavailable(`PostgreSQL does not answer: ${reasonOf(error)}`, 1)
  })
  return {
    async dashboard() {
      const json = redis.status === 'ready' ? await redis.hget(DASHBOARD, 'json').catch(() => null) : null
      if (json !== null) return JSON.parse(json) as Dashboard
      const { rows } = await answered(pool.query<TotalsRow>({ name: 'read-totals', text: readTotals }))
      return dashboardFromTotals(rows, Date.now())
    },
    analytics: (query) => answered(readAnalytics(pool, query)),
    async [Symbol.asyncDispose]() {
      await Promise.all([closeRedis(redis), pool.end()])
    },
  }
}
