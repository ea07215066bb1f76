import { statfsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { HISTORY_DAYS, historyOf, historyOrders, historyOwner, type History } from '../load/history.ts'
import { EXIT, LabError } from '../run/errors.ts'
import { dataBase } from '../runtime/run-folder.ts'
import type { Architecture, Caller, Judge } from '../system/architecture.ts'
import { ARCHITECTURE_IDS, loadArchitecture } from '../system/architectures/index.ts'
import type { Context } from '../system/context.ts'
import type { OwnedOrder } from '../system/event.ts'
import type { Emit } from './emit.ts'
import type { RunPlan } from './plan.ts'

/** How long the load waits for the dashboard to show the history. */
const SHOWN_WITHIN_MS = 120_000

/**
 * A run's history: written, and shown by the dashboard before the load begins, so that the first aggregation is no part of the load's figures.
 * `undefined` where the run has none.
 */
export async function writeHistory(plan: RunPlan, context: Context, callers: readonly Caller[], judge: Judge, emit: Emit): Promise<History | undefined> {
  if (plan.history === 0) return undefined
  const { signal } = context
  checkSpace(plan.history, dataBase())
  const history = historyOf({ orders: plan.history, seed: plan.seed, toMs: Date.now() })
  let dueMs = 0
  const filled = await fill(plan.architecture, context, callers, history, (written) => {
    if (performance.now() < dueMs) return
    dueMs = performance.now() + 1_000
    emit({ type: 'seeding', written, orders: history.orders })
  })
  signal.throwIfAborted()
  emit({ type: 'seeded', days: HISTORY_DAYS, ...filled })
  const tookMs = await shown(judge, history.orders, SHOWN_WITHIN_MS, signal)
  if (tookMs !== undefined) emit({ type: 'note', level: 'info', says: `the dashboard showed the history ${(tookMs / 1_000).toFixed(1)} s after it was written` })
  else emit({ type: 'note', level: 'warning', says: `the dashboard did not show the history within ${SHOWN_WITHIN_MS / 1_000} s: the load began before the first aggregation was over` })
  return history
}

export interface Filled {
  /** Fewer than asked for when it was interrupted; all of them are stored. */
  orders: number
  seconds: number
  perSecond: number
}

/**
 * Writes history into a running system, in the names of its callers. Aborting the context's signal ends the orders early: what was given is committed, whole,
 * and `orders` says how many that is.
 */
export async function fill(architecture: Architecture, context: Context, callers: readonly Caller[], history: History, onProgress: (written: number) => void): Promise<Filled> {
  const startMs = performance.now()
  let orders = 0
  async function* told(): AsyncGenerator<OwnedOrder[]> {
    for await (const batch of historyOrders(history, undefined, context.signal, historyOwner(callers, history.seed))) {
      yield batch
      orders += batch.length
      onProgress(orders)
    }
  }
  await architecture.seed!(context, told())
  const seconds = (performance.now() - startMs) / 1_000
  return { orders, seconds, perSecond: orders / seconds }
}

const POLL_MS = 50

/** Resolves with how long it took until the dashboard counted that many, ms; `undefined` when it did not in `limitMs`. */
export async function shown(judge: Pick<Judge, 'dashboard'>, orders: number, limitMs: number, signal: AbortSignal): Promise<number | undefined> {
  const startMs = performance.now()
  while (performance.now() - startMs < limitMs) {
    // Whoever is busy aggregating may be too busy to answer.
    const count = await judge.dashboard().then((dashboard) => dashboard.count, () => 0)
    if (count >= orders) return performance.now() - startMs
    await sleep(POLL_MS, undefined, { signal })
  }
  return undefined
}

/** Why an architecture cannot be filled, and which can; `undefined` when it can. */
export async function cannotBeFilled(architecture: Architecture): Promise<string | undefined> {
  if (architecture.seed !== undefined) return undefined
  const able = await idsOfThose(({ seed }) => seed !== undefined)
  return `${architecture.id} cannot be filled with history; these can: ${able.join(', ')}`
}

export async function idsOfThose(holds: (architecture: Architecture) => boolean): Promise<string[]> {
  const all = await Promise.all(ARCHITECTURE_IDS.map(async (id) => (holds(await loadArchitecture(id)) ? [id] : [])))
  return all.flat()
}

/** Table and indexes, database of half a million orders: v2 131 bytes an order, v1 169, with `indexes=3 partition=range` 282. */
const BYTES_PER_ORDER = 300
/** PostgreSQL's log (246, 327 and 560 bytes an order), until it is recycled at `max_wal_size`, 4 GB. */
const LOG_BYTES_PER_ORDER = 600
const MAX_LOG_BYTES = 4.5 * 1024 ** 3

/** Throws a {@link LabError} (exit code 3) when `folder` has not the space for so many orders. */
export function checkSpace(orders: number, folder: string, freeBytes = freeIn(folder)): void {
  const needed = orders * BYTES_PER_ORDER + Math.min(orders * LOG_BYTES_PER_ORDER, MAX_LOG_BYTES)
  if (freeBytes >= needed) return
  const gib = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GiB`
  throw new LabError(EXIT.prerequisite, `${orders.toLocaleString('en-US')} orders of history take about ${gib(needed)} of disk; ${folder} has ${gib(freeBytes)} free`, 'free some space, or ask for fewer')
}

function freeIn(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}
