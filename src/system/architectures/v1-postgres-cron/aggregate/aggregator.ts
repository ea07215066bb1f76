import type pg from 'pg'
import { boundedCalls } from '../../../bounded-redis.ts'
import type { Context } from '../../../context.ts'
import type { Dashboard } from '../../../dashboard.ts'
import { counter, gauge } from '../../../metrics.ts'
import { connectPostgres } from '../../../postgres/connect.ts'
import { createProjection } from '../../../projection.ts'
import { reasonOf } from '../../../reason.ts'
import { closeRedis, connectRedis } from '../../../redis.ts'
import { SHARED } from '../../../tracing/span.ts'
import { AGGREGATIONS } from './aggregations/index.ts'
import type { V1Knobs } from '../knobs.ts'
import { CHANGES, DASHBOARD, notifiedOn } from '../names.ts'
import { ensurePartitions } from '../write/partitions.ts'
import { onSchedule, type LastRun } from './schedule.ts'
import notify from '../sql/notify.sql?raw'
import { takeTurn, type Turn } from './turn.ts'

/** A run may take as long as its history needs; one whose server has vanished without a word ends some time. */
const RUN_WITHIN_MS = 15 * 60_000
const REDIS_WITHIN_MS = 1_000

/**
 * The cron job: totals from orders, then the dashboard from totals into Redis, then everybody is told.
 *
 * Redis gets absolute figures after every run, changed or not, so whatever it missed or lost is there again after the next one; and PostgreSQL's
 * totals go on while it is away.
 */
export async function startAggregator(context: Context<V1Knobs>): Promise<AsyncDisposable> {
  const { knobs } = context
  const pool = connectPostgres(context, 'aggregator', 1, RUN_WITHIN_MS)
  const redis = connectRedis(context, 'aggregator')
  const bounded = boundedCalls(redis, REDIS_WITHIN_MS)
  const projection = createProjection(redis, DASHBOARD, knobs.push === 'pubsub' ? CHANGES : undefined)
  const aggregation = AGGREGATIONS[knobs.aggregator]()
  const runs = createRunMeter()
  let away = false
  let partitionsLate = false
  let told: number | undefined

  async function show(dashboard: Dashboard, client: pg.PoolClient): Promise<void> {
    const answered = await bounded(() => projection.show(dashboard))
    if (answered !== undefined) context.failpoint('after-projection')
    if (knobs.push !== 'listen' || dashboard.version === told) return
    await client.query({ name: 'notify', text: notify, values: [notifiedOn(context), String(dashboard.version)] })
    told = dashboard.version
  }

  /** What cannot be made now is made before another run; until then its rows have the default partition. */
  async function makePartitions(client: pg.PoolClient): Promise<void> {
    const problem = await ensurePartitions(client, Date.now()).then(() => undefined, reasonOf)
    if (problem !== undefined && !partitionsLate) context.log(`partitions could not be made ahead: ${problem}; it is tried again`)
    partitionsLate = problem !== undefined
  }

  async function aggregate(): Promise<void> {
    const client = await pool.connect()
    let broken: Error | undefined
    try {
      if (knobs.partition === 'range') await makePartitions(client)
      const beganMs = performance.now()
      const readMs = context.tracer?.nowMs()
      const turn = await takeTurn(client, aggregation, context.failpoint)
      if (turn === undefined) return
      runs.ran(turn, performance.now() - beganMs)
      await show(turn.dashboard, client)
      if (readMs !== undefined) context.tracer!.shared(SHARED.project, readMs, turn.dashboard.version)
    } catch (error) {
      broken = error as Error
      throw error
    } finally {
      client.release(broken)
    }
  }

  async function run(): Promise<LastRun> {
    const beganMs = performance.now()
    const failure = await aggregate().then(() => undefined, reasonOf)
    const failed = failure !== undefined
    if (failed) runs.failed()
    if (failed && !away) context.log(`aggregation failed: ${failure}; it is tried again`)
    if (!failed && away) context.log('aggregation works again')
    away = failed
    return { tookMs: performance.now() - beganMs, failed }
  }

  const running = onSchedule(knobs, run, context.signal)
  return {
    async [Symbol.asyncDispose]() {
      await running
      await Promise.all([closeRedis(redis), pool.end()])
    },
  }
}

/** What `/metrics` says about the runs of this process; turns that were another one's are none. */
function createRunMeter() {
  let last: { seconds: number; rows: number } = { seconds: 0, rows: 0 }
  let longestSeconds = 0
  let largestRssBytes = 0
  let total = 0
  let failures = 0
  gauge('lab_aggregation_seconds', 'How long the last aggregation took.', () => last.seconds)
  gauge('lab_aggregation_max_seconds', 'How long the longest aggregation took.', () => longestSeconds)
  gauge('lab_aggregation_rows', 'Orders that the last aggregation looked at.', () => last.rows)
  gauge('lab_aggregation_rss_bytes', 'Memory of the aggregator after its largest run.', () => largestRssBytes)
  counter('lab_aggregation_runs_total', 'Aggregations that were committed.', () => total)
  counter('lab_aggregation_failures_total', 'Aggregations that failed.', () => failures)
  return {
    ran(turn: Turn, tookMs: number) {
      last = { seconds: tookMs / 1_000, rows: turn.rows }
      longestSeconds = Math.max(longestSeconds, last.seconds)
      largestRssBytes = Math.max(largestRssBytes, process.memoryUsage.rss())
      total += 1
    },
    failed() {
      failures += 1
    },
  }
}
