import type { Redis } from 'ioredis'
import type pg from 'pg'
import { Unavailable } from '../../architecture.ts'
import type { Dashboard } from '../../dashboard.ts'
import readTotals from '../../postgres/sql/read-totals.sql?raw'
import { dashboardFromTotals, type TotalsRow } from '../../postgres/totals.ts'
import { reasonOf } from '../../reason.ts'
import { DASHBOARD } from './names.ts'

const REDIS_WITHIN_MS = 500

/**
 * The dashboard as the system shows it: the projection in Redis; PostgreSQL's totals when Redis is away, hangs, or has none.
 * Throws {@link Unavailable} when neither answers.
 */
export async function readDashboard(redis: Redis, pool: pg.Pool): Promise<Dashboard> {
  const json = redis.status === 'ready' ? await within(REDIS_WITHIN_MS, redis.hget(DASHBOARD, 'json')).catch(() => null) : null
  if (json !== null) return JSON.parse(json) as Dashboard
  try {
    const { rows } = await pool.query<TotalsRow>({ name: 'read-totals', text: readTotals })
    return dashboardFromTotals(rows, Date.now())
  } catch (error) {
    throw new Unavailable(`neither Redis nor PostgreSQL has the dashboard: ${reasonOf(error)}`, 1)
  }
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([promise, new Promise<null>((resolve) => { timer = setTimeout(resolve, ms, null) })])
  } finally {
    clearTimeout(timer)
  }
}
