import type { Redis } from 'ioredis'
import type pg from 'pg'
import { Unavailable } from '../../architecture.ts'
import { boundedCalls } from '../../bounded-redis.ts'
import type { Dashboard } from '../../dashboard.ts'
import { dashboardFromTotals, type TotalsRow } from '../../postgres/totals.ts'
import { reasonOf } from '../../reason.ts'
import { DASHBOARD, LATE, SERIES } from './names.ts'
import type { Series, SeriesWindow } from './series.ts'
import tallyOrders from './sql/tally-orders.sql?raw'

const REDIS_WITHIN_MS = 500
/** Adding up all orders must not take the database for itself: at most a third of the time. */
const REST = 2
/** And no more than so often. */
const TALLY_EVERY_MS = 1_000

/** What the system shows. */
export interface View {
  /** The projection in Redis; all orders added up in PostgreSQL while Redis is away, hangs, or has none. Throws {@link Unavailable} when neither answers. */
  dashboard(): Promise<Dashboard>
  /** Windows that began in [fromMs, toMs), the newest `limit` of them, oldest first. Throws {@link Unavailable} without Redis. */
  series(fromMs: number, toMs: number, limit: number): Promise<Series>
}

export function createView(redis: Redis, pool: pg.Pool): View {
  const bounded = boundedCalls(redis, REDIS_WITHIN_MS)
  const tallied = createTallies(pool)
  let reading: Promise<Dashboard> | undefined

  async function read(): Promise<Dashboard> {
    const json = (await bounded(() => redis.hget(DASHBOARD, 'json')))?.answer ?? null
    return json === null ? await tallied() : (JSON.parse(json) as Dashboard)
  }

  return {
    /** Requests that come while one reading is under way share it. */
    dashboard: () => (reading ??= read().finally(() => { reading = undefined })),
    async series(fromMs, toMs, limit) {
      const found = await bounded(() => Promise.all([redis.zrevrangebyscore(SERIES, `(${toMs}`, fromMs, 'LIMIT', 0, limit), redis.get(LATE)]))
      if (found === undefined) throw new Unavailable('Redis, which has the time series, does not answer', 1)
      const [windows, late] = found.answer
      return { windows: windows.reverse().map((it) => JSON.parse(it) as SeriesWindow), lateEvents: Number(late ?? 0) }
    },
  }
}

/** The dashboard as the stored orders make it, computed seldom enough. */
function createTallies(pool: pg.Pool): () => Promise<Dashboard> {
  let latest: { dashboard: Dashboard; untilMs: number } | undefined
  return async () => {
    const startMs = performance.now()
    if (latest !== undefined && startMs < latest.untilMs) return latest.dashboard
    try {
      const { rows } = await pool.query<TotalsRow>({ name: 'tally-orders', text: tallyOrders })
      const dashboard = dashboardFromTotals(rows, Date.now())
      const endMs = performance.now()
      latest = { dashboard, untilMs: endMs + Math.max(TALLY_EVERY_MS, REST * (endMs - startMs)) }
      return dashboard
    } catch (error) {
      throw new Unavailable(`neither Redis nor PostgreSQL has the dashboard: ${reasonOf(error)}`, 1)
    }
  }
}
