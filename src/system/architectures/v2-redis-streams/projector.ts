import type { Redis } from 'ioredis'
import type pg from 'pg'
import type { Context } from '../../context.ts'
import readTotals from '../../postgres/sql/read-totals.sql?raw'
import { dashboardFromTotals, type TotalsRow } from '../../postgres/totals.ts'
import { createProjection } from '../../projection.ts'
import { reasonOf } from '../../reason.ts'
import { SHARED } from '../../tracing/span.ts'
import { CHANGES, DASHBOARD } from './names.ts'

const INTERVAL_MS = 100
/** Written again without a change of ours: Redis may have come back empty, another worker may have died before its turn. */
const ANYWAY_MS = 1_000

export interface Projector extends AsyncDisposable {
  /** The totals have changed. */
  changed(): void
}

/** Copies the totals from PostgreSQL to Redis, at most ten times a second, and tells the API replicas. */
export function startProjector(context: Context, pool: pg.Pool, redis: Redis): Projector {
  const projection = createProjection(redis, DASHBOARD, CHANGES)
  let dirty = true
  let away = false
  let lastMs = -Infinity
  let running: Promise<void> | undefined

  async function project(): Promise<void> {
    lastMs = performance.now()
    if (redis.status !== 'ready') return
    dirty = false
    const beganMs = context.tracer?.nowMs()
    try {
      const { rows } = await pool.query<TotalsRow>({ name: 'read-totals', text: readTotals })
      // A large dashboard must not take the database for itself: at most a third of the time, and still once a second.
      lastMs += Math.min(3 * (performance.now() - lastMs), ANYWAY_MS)
      const dashboard = dashboardFromTotals(rows, Date.now())
      if (await projection.show(dashboard)) {
        if (beganMs !== undefined) context.tracer!.shared(SHARED.project, beganMs, dashboard.version)
        context.failpoint('after-projection')
      }
      away = false
    } catch (error) {
      dirty = true
      if (!away) context.log(`projection waits: ${reasonOf(error)}`)
      away = true
    }
  }

  const timer = setInterval(() => {
    const sinceMs = performance.now() - lastMs
    if (running === undefined && sinceMs >= (dirty && !away ? INTERVAL_MS : ANYWAY_MS)) running = project().finally(() => { running = undefined })
  }, INTERVAL_MS / 4)

  return {
    changed() {
      dirty = true
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
      if (dirty && !away) await project()
    },
  }
}
