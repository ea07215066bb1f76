import type { Redis } from 'ioredis'
import type pg from 'pg'
import { boundedCalls } from '../../../bounded-redis.ts'
import type { Context } from '../../../context.ts'
import { emptyDashboard, type Dashboard } from '../../../dashboard.ts'
import type { TotalsRow } from '../../../postgres/totals.ts'
import { createProjection, type Projection } from '../../../projection.ts'
import { reasonOf } from '../../../reason.ts'
import { SHARED } from '../../../tracing/span.ts'
import { CHANGES, dashboardKey, EVERYBODY, PROJECTOR_LEASE } from '../names.ts'
import listCounts from '../sql/list-workspace-counts.sql?raw'
import readTotalsSince from '../sql/read-totals-since.sql?raw'
import { createHeldTotals, finished, type HeldTotals } from './held-totals.ts'
import { createLease } from './lease.ts'

/** From one showing of a dashboard to its next, at least. */
const INTERVAL_MS = 100
/** Without a hint: other workers and history change totals too, and Redis may have come back empty. */
const ANYWAY_MS = 250
const RETRY_MS = 1_000
const LEASE_MS = 2_000
const REDIS_WITHIN_MS = 1_000
/** Workspaces read with one statement. */
const READ_TOGETHER = 25
const HOUR_MS = 3_600_000
/** Read along with all that is no hour. An older one that changed shows, and then all are read. */
const RECENT_HOURS = 2

export interface Projector extends AsyncDisposable {
  /** Totals of these workspaces have changed, or may have. */
  changed(workspaces: Iterable<number>): void
}

interface Entry {
  held: HeldTotals
  projection: Projection
  /** Its version in Redis, as far as we know; -1: none. */
  shown: number
}

/**
 * Copies totals from PostgreSQL to Redis, workspace by workspace, and tells the API replicas. Each worker shows what it was told of; one of
 * them at a time, by a lease, also looks what all others have changed and shows the sum of all: from the counts of the workspaces it knows
 * which have changed, and reads only those. Whoever takes the lease anew shows everything again, so an empty Redis is filled at once.
 */
export function startProjector(context: Context, pool: pg.Pool, redis: Redis): Projector {
  const bounded = boundedCalls(redis, REDIS_WITHIN_MS)
  const lease = createLease(redis, PROJECTOR_LEASE, LEASE_MS)
  const everybody = createProjection(redis, dashboardKey(EVERYBODY), CHANGES, String(EVERYBODY))
  const sum = emptyDashboard()
  let sumShown = -1
  const entries = new Map<number, Entry>()
  const hinted = new Set<number>()
  let away = false
  let dueMs = 0
  let running: Promise<void> | undefined

  function entryOf(workspace: number): Entry {
    let entry = entries.get(workspace)
    if (entry === undefined) {
      entry = { held: createHeldTotals(sum), projection: createProjection(redis, dashboardKey(workspace), CHANGES, String(workspace)), shown: -1 }
      entries.set(workspace, entry)
    }
    return entry
  }

  /** Those whose count is another than the one that is held. */
  async function listChanged(): Promise<number[]> {
    const { rows } = await pool.query<{ workspace_id: number; count: number }>({ name: 'list-workspace-counts', text: listCounts })
    return rows.filter(({ workspace_id: workspace, count }) => entries.get(workspace)?.held.count !== count).map((it) => it.workspace_id)
  }

  /** Reads these, and returns those of which more must be read. */
  async function read(workspaces: readonly number[], whole: boolean): Promise<number[]> {
    const incomplete: number[] = []
    const since = whole ? 0 : Math.floor(Date.now() / HOUR_MS) - RECENT_HOURS
    for (let from = 0; from < workspaces.length; from += READ_TOGETHER) {
      const some = workspaces.slice(from, from + READ_TOGETHER)
      const { rows } = await pool.query<TotalsRow & { workspace_id: number }>({ name: 'read-totals-since', text: readTotalsSince, values: [some, since] })
      for (const [workspace, theirs] of Map.groupBy(rows, (it) => it.workspace_id)) {
        if (!entryOf(workspace).held.take(theirs, whole)) incomplete.push(workspace)
      }
    }
    return incomplete
  }

  async function show(projection: Projection, dashboard: Dashboard): Promise<void> {
    const answered = await bounded(() => projection.show(dashboard))
    if (answered === undefined) throw new Error('Redis does not answer')
    if (answered.answer) context.failpoint('after-projection')
  }

  async function showNew(): Promise<void> {
    const nowMs = Date.now()
    const unshown = [...entries.values()].filter(({ held, shown }) => held.count > shown && !held.empty)
    await Promise.all(unshown.map(async (entry) => {
      const dashboard = entry.held.dashboard(nowMs)
      await show(entry.projection, dashboard)
      entry.shown = Math.max(entry.shown, dashboard.version)
    }))
  }

  async function project(): Promise<void> {
    const beganMs = context.tracer?.nowMs()
    const mine = (await bounded(lease.hold))?.answer
    if (mine === undefined) throw new Error('Redis does not answer')
    if (mine === 'taken') {
      sumShown = -1
      for (const entry of entries.values()) entry.shown = -1
    }
    const hints = [...hinted]
    hinted.clear()
    try {
      const due = mine === 'anothers' ? hints : [...new Set([...hints, ...await listChanged()])]
      const [known, unknown] = [due.filter((it) => entries.get(it)?.held.empty === false), due.filter((it) => entries.get(it)?.held.empty !== false)]
      await read([...unknown, ...await read(known, false)], true)
      await showNew()
      if (mine === 'anothers' || sum.count <= sumShown) return
      const all = finished(sum, Date.now())
      await show(everybody, all)
      if (beganMs !== undefined) context.tracer!.shared(SHARED.project, beganMs, all.version)
      sumShown = all.version
    } catch (error) {
      for (const it of hints) hinted.add(it)
      throw error
    }
  }

  async function turn(): Promise<void> {
    const beganMs = performance.now()
    try {
      await project()
      // Many large dashboards must not take the worker for themselves: at most a third of the time, and still once a second.
      const pauseMs = Math.min(2 * (performance.now() - beganMs), RETRY_MS)
      dueMs = performance.now() + Math.max(pauseMs, INTERVAL_MS - (performance.now() - beganMs))
      if (away) context.log('dashboards are projected again')
      away = false
    } catch (error) {
      dueMs = performance.now() + RETRY_MS
      if (!away) context.log(`projection waits: ${reasonOf(error)}`)
      away = true
    }
  }

  const timer = setInterval(() => {
    if (running !== undefined || redis.status !== 'ready' || performance.now() < dueMs) return
    if (hinted.size === 0 && performance.now() < dueMs + ANYWAY_MS - INTERVAL_MS) return
    running = turn().finally(() => { running = undefined })
  }, INTERVAL_MS / 4)

  return {
    changed(workspaces) {
      for (const workspace of workspaces) hinted.add(workspace)
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
      if (!away && redis.status === 'ready') await turn()
      await bounded(lease.release)
    },
  }
}
