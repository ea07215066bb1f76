import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Context } from '../../../context.ts'
import { counter, gauge } from '../../../metrics.ts'
import { connectPostgres } from '../../../postgres/connect.ts'
import { reasonOf } from '../../../reason.ts'
import listDue from '../sql/list-rollups-due.sql?raw'
import readHorizon from '../sql/read-horizon.sql?raw'
import { WORK_ACCOUNT } from '../tenancy/accounts.ts'
import { rollUpStep } from './rollup-step.ts'
import { createWatermarkAge } from './watermark-age.ts'

/** Events of a workspace that are rolled up in one transaction: some 0.3 s, so nobody who waits for its locks waits long. */
export const STEP_ROWS = 100_000
const STEP_WITHIN_MS = 60_000
/** Whoever stands still in the middle of a step loses its transaction: open, it would hold back all rollups. */
const STALLED_AFTER_MS = 10_000
const RETRY_MS = 1_000

/**
 * The scheduled job: orders ──▶ event_aggregations, workspace by workspace, in steps of bounded size. Two at once, one that is late, one that is
 * killed or runs twice: all come to the same sums, as what is added and the watermark that says so are one transaction.
 */
export async function startRollup(context: Context<{ rollup: number }>): Promise<AsyncDisposable> {
  const pool = connectPostgres(context, 'rollup', 1, STEP_WITHIN_MS, WORK_ACCOUNT)
  // What a crash takes with it goes as a whole, watermark included, and is made again: so no step waits for the disk.
  pool.options.onConnect = async (client) => {
    await client.query(`SET synchronous_commit = off; SET idle_in_transaction_session_timeout = ${STALLED_AFTER_MS}`)
  }
  const runs = createRunMeter()
  let away = false

  async function rollUpAll(client: pg.PoolClient): Promise<number> {
    const { rows: [seen] } = await client.query<{ horizon: string; next: string }>({ name: 'read-horizon', text: readHorizon })
    const atMs = Date.now()
    const { rows: due } = await client.query<{ workspace_id: number }>({ name: 'list-rollups-due', text: listDue })
    let events = 0
    for (const { workspace_id: workspace } of due) {
      for (let more = true; more && !context.signal.aborted;) {
        const step = await rollUpStep(client, workspace, STEP_ROWS, context.failpoint)
        events += step.rows
        more = step.more
      }
    }
    if (!context.signal.aborted) runs.age.ran({ atMs, ...seen! })
    return events
  }

  async function run(): Promise<boolean> {
    const beganMs = performance.now()
    let client: pg.PoolClient | undefined
    try {
      client = await pool.connect()
      runs.ran(await rollUpAll(client), performance.now() - beganMs)
      client.release()
      if (away) context.log('rolls up again')
      away = false
    } catch (error) {
      client?.release(error as Error)
      runs.failed()
      if (!away) context.log(`cannot roll up: ${reasonOf(error)}; trying again`)
      away = true
    }
    return !away
  }

  async function schedule(): Promise<void> {
    while (!context.signal.aborted) {
      const beganMs = performance.now()
      const ok = await run()
      const waitMs = ok ? Math.max(0, beganMs + 1_000 * context.knobs.rollup - performance.now()) : RETRY_MS
      await sleep(waitMs, undefined, { signal: context.signal }).catch(() => undefined)
    }
  }

  const running = schedule()
  return {
    async [Symbol.asyncDispose]() {
      await running
      await pool.end()
    },
  }
}

function createRunMeter() {
  let lastSeconds = 0
  let lastEvents = 0
  let events = 0
  let total = 0
  let failures = 0
  const age = createWatermarkAge(Date.now())
  gauge('lab_rollup_seconds', 'How long the last rollup took.', () => lastSeconds)
  gauge('lab_rollup_rows', 'Events that the last rollup added.', () => lastEvents)
  gauge('lab_rollup_watermark_age_seconds', 'How old the newest moment is before which every event is rolled up.', () => age.seconds(Date.now()))
  counter('lab_rollup_rows_total', 'Events added to the rollups.', () => events)
  counter('lab_rollup_runs_total', 'Rollups that came to their end.', () => total)
  counter('lab_rollup_failures_total', 'Rollups that failed, and were tried again.', () => failures)
  return {
    age,
    ran(added: number, tookMs: number) {
      lastSeconds = tookMs / 1_000
      lastEvents = added
      events += added
      total += 1
    },
    failed() {
      failures += 1
    },
  }
}
