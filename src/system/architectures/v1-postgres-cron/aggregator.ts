import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../../context.ts'
import { connectPostgres } from '../../postgres/connect.ts'
import readTotals from '../../postgres/sql/read-totals.sql?raw'
import { dashboardFromTotals, type TotalsRow } from '../../postgres/totals.ts'
import { reasonOf } from '../../reason.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import { groupByAll } from './aggregations/group-by.ts'
import type { V1Knobs } from './knobs.ts'
import { CHANGES, DASHBOARD } from './names.ts'

/** The cron job: totals from orders, then the dashboard from totals into Redis, then everybody is told. */
export async function startAggregator(context: Context<V1Knobs>): Promise<AsyncDisposable> {
  const pool = connectPostgres(context, 'aggregator', 1)
  const redis = connectRedis(context, 'aggregator')
  const aggregation = groupByAll()

  async function aggregate(): Promise<void> {
    const client = await pool.connect()
    try {
      await aggregation.run(client)
      const { rows } = await client.query<TotalsRow>({ name: 'read-totals', text: readTotals })
      const dashboard = dashboardFromTotals(rows, Date.now())
      await redis.hset(DASHBOARD, { version: dashboard.version, json: JSON.stringify(dashboard) })
      await redis.publish(CHANGES, String(dashboard.version))
    } finally {
      client.release()
    }
  }

  async function run(): Promise<void> {
    while (!context.signal.aborted) {
      await aggregate().catch((error: unknown) => context.log(`aggregation failed: ${reasonOf(error)}`))
      await sleep(context.knobs.interval, undefined, { signal: context.signal }).catch(() => undefined)
    }
  }

  const running = run()
  return {
    async [Symbol.asyncDispose]() {
      await running
      await Promise.all([closeRedis(redis), pool.end()])
    },
  }
}
