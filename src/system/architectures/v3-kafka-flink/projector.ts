import type { Redis } from 'ioredis'
import type { Context } from '../../context.ts'
import { nameIn } from '../../kafka/connect.ts'
import { watchLag } from '../../kafka/lag.ts'
import { readTopics } from '../../kafka/read-topics.ts'
import { counter, gauge } from '../../metrics.ts'
import { connectPostgres } from '../../postgres/connect.ts'
import readTotals from '../../postgres/sql/read-totals.sql?raw'
import { dashboardFromTotals, type TotalsRow } from '../../postgres/totals.ts'
import { createProjection } from '../../projection.ts'
import { reasonOf } from '../../reason.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import { addRows, createCells } from './cells.ts'
import { CHANGES, DASHBOARD, GROUP, LATE, ORDERS_TOPIC, SERIES, SERIES_TOPIC, TOTALS_TOPIC } from './names.ts'
import type { SeriesWindow } from './series.ts'
import { createWindows } from './windows.ts'

const INTERVAL_MS = 100
/** Written again without a change of ours: Redis may have come back empty. And how often history is looked for. */
const ANYWAY_MS = 1_000

/**
 * totals, series ──▶ memory ──▶ Redis, at most ten times a second ──▶ PUBLISH
 *
 * What Flink says is absolute and by cell, so this process keeps nothing of its own: started anew it reads the compacted topics from the beginning.
 * History, which never went through Flink, is added from PostgreSQL.
 */
export async function startProjector(context: Context<{ brokers?: unknown }>): Promise<AsyncDisposable> {
  const redis = connectRedis(context, 'projector')
  const pool = connectPostgres(context, 'projector', 1)
  const projection = createProjection(redis, DASHBOARD, CHANGES)
  const lag = watchLag(context, nameIn(context, GROUP), nameIn(context, ORDERS_TOPIC))
  const cells = createCells()
  const windows = createWindows()
  let history: TotalsRow[] = []
  let records = 0
  let dirty = true
  let away = false
  let nextMs = 0
  let anywayMs = 0
  let running: Promise<void> | undefined
  counter('lab_projector_records_total', 'Records of totals and series that were read.', () => records)
  gauge('lab_late_events', 'Events so far that came after their window was closed; totals include them.', cells.lateCount)

  const totals = nameIn(context, TOTALS_TOPIC)
  const reader = readTopics(context, 'projector', [totals, nameIn(context, SERIES_TOPIC)], (topic, key, value) => {
    records += 1
    if (topic === totals) cells.take(key, value)
    else windows.take(key, value)
  }, () => {
    context.failpoint('after-read')
    dirty = true
  })

  /** Best effort: without PostgreSQL nothing is seeded either. */
  async function readHistory(): Promise<void> {
    try {
      history = (await pool.query<TotalsRow>({ name: 'read-totals', text: readTotals })).rows
    } catch (error) {
      context.log(`history is as it was: ${reasonOf(error)}`)
    }
  }

  async function project(): Promise<void> {
    const startMs = performance.now()
    if (redis.status !== 'ready') {
      nextMs = startMs + INTERVAL_MS
      return
    }
    const isAnyway = startMs >= anywayMs
    if (isAnyway) {
      anywayMs = startMs + ANYWAY_MS
      await readHistory()
    }
    const changed = dirty
    dirty = false
    try {
      const wrote = await projection.show(dashboardFromTotals(addRows(cells.rows(), history), Date.now()))
      // Nothing new and yet it was not there: Redis has forgotten everything.
      if (wrote && !changed && isAnyway) windows.touch()
      await showSeries(redis, windows.changed(), windows.oldestMs(), cells.lateCount()).catch((error: unknown) => {
        windows.touch()
        throw error
      })
      if (wrote) context.failpoint('after-projection')
      away = false
    } catch (error) {
      dirty = true
      if (!away) context.log(`projection waits: ${reasonOf(error)}`)
      away = true
    }
    // A large dashboard must not take Redis, or this process, for itself: at most a third of the time, and still once a second.
    const tookMs = performance.now() - startMs
    nextMs = startMs + INTERVAL_MS + Math.min(3 * tookMs, ANYWAY_MS)
  }

  const timer = setInterval(() => {
    const nowMs = performance.now()
    if (running === undefined && nowMs >= nextMs && ((dirty && !away) || nowMs >= anywayMs)) running = project().finally(() => { running = undefined })
  }, INTERVAL_MS / 4)

  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await reader[Symbol.asyncDispose]()
      await running
      await Promise.all([lag[Symbol.asyncDispose](), closeRedis(redis), pool.end()])
    },
  }
}

/** Each window replaces what was said of it before, all in one transaction. */
async function showSeries(redis: Redis, changed: ReadonlyMap<number, SeriesWindow>, oldestMs: number, late: number): Promise<void> {
  if (changed.size === 0) return void (await redis.set(LATE, late))
  const transaction = redis.multi()
  for (const [startMs, window] of changed) {
    transaction.zremrangebyscore(SERIES, startMs, startMs)
    transaction.zadd(SERIES, startMs, JSON.stringify(window))
  }
  if (oldestMs !== -Infinity) transaction.zremrangebyscore(SERIES, '-inf', `(${oldestMs}`)
  transaction.set(LATE, late)
  await transaction.exec()
}
