import { Unavailable } from '../../../architecture.ts'
import { topProducts, type Dashboard } from '../../../dashboard.ts'
import type { SpeedReader } from '../speed/reader.ts'
import { addTotals, emptyTotals } from '../speed/tallies.ts'
import type { BatchLayer } from './batch.ts'

/** From one reading of the batch layer to the next, at least; what came since is in the speed layer, which keeps it for minutes. */
const REFRESH_MS = 1_000
/** Costly readings are further apart: at most a quarter of the time is spent on them. */
const PAUSE = 3
/** Older than this it is not trusted to meet the speed layer, and waited for. */
const OLD_MS = 60_000
/** Neither layer has answered for so long: then nothing is shown rather than this. */
const ALONE_MS = 5_000

export interface Dashboards {
  /** Rejects with Unavailable when neither layer answers. */
  dashboard(): Promise<Dashboard>
}

interface Shown {
  dashboard: Dashboard
  /** By partition, up to which offset its orders are in it. */
  ends: ReadonlyMap<number, number>
}

/**
 * The batch layer, and what the speed layer has beyond where that ends in each partition: no event in both or in neither. The batch layer is read
 * once a second at most: with an older one more comes from the speed layer, and the sum is the same.
 *
 * What has been shown is never taken back. A picture in which any partition goes less far (Redis has come back empty, or is away) is not shown;
 * the one before it is, until both have caught up with it.
 *
 * @param read the batch layer
 * @param now ms that only grow
 */
export function createDashboards(read: () => Promise<BatchLayer>, speed: SpeedReader, now: () => number = () => performance.now()): Dashboards {
  let held: { layer: BatchLayer; atMs: number } | undefined
  let refreshing: Promise<void> | undefined
  let failure: unknown
  let pauseMs = REFRESH_MS
  let triedMs = -Infinity
  let shown: Shown | undefined
  let reading: Promise<Dashboard> | undefined

  /** Resolves in any case; who asks meanwhile waits for the same. */
  function refresh(): Promise<void> {
    return (refreshing ??= reread().finally(() => { refreshing = undefined }))
  }

  async function reread(): Promise<void> {
    const beganMs = triedMs = now()
    try {
      const layer = await read()
      // It is as old as its question.
      held = { layer, atMs: beganMs }
      failure = undefined
    } catch (error) {
      failure = error
    }
    pauseMs = Math.max(REFRESH_MS, PAUSE * (now() - beganMs))
  }

  const isDue = (): boolean => now() - triedMs >= pauseMs

  async function merged(): Promise<Shown & { alone: boolean } | undefined> {
    if (held === undefined) return undefined
    const { layer } = held
    const beyond = await speed.read(layer.reached)
    const sum = emptyTotals()
    addTotals(sum, layer.totals)
    if (beyond !== undefined) addTotals(sum, beyond.totals)
    const dashboard = { ...sum, version: sum.count, asOf: new Date().toISOString(), top: topProducts(sum.byProduct) }
    return { dashboard, ends: beyond?.ends ?? layer.reached, alone: beyond === undefined }
  }

  async function next(): Promise<Dashboard> {
    const ageMs = held === undefined ? Infinity : now() - held.atMs
    if (ageMs >= OLD_MS && isDue()) await refresh()
    else if (isDue()) void refresh()
    let picture = await merged()
    // The batch layer may have more of what the speed layer lacks.
    if (picture !== undefined && (picture.alone || !reaches(picture, shown))) {
      if (refreshing !== undefined || isDue()) await refresh()
      picture = await merged()
    }
    if (picture === undefined || (picture.alone && now() - held!.atMs > ALONE_MS && failure !== undefined)) {
      throw new Unavailable(`ClickHouse has no totals to show${failure instanceof Error ? `: ${failure.message}` : ''}`, 1)
    }
    if (shown === undefined || (reaches(picture, shown) && picture.dashboard.count > shown.dashboard.count)) shown = picture
    return shown.dashboard
  }

  return {
    /** Requests that come while one reading is under way share it. */
    dashboard: () => (reading ??= next().finally(() => { reading = undefined })),
  }
}

/** Does it go as far as the other in every partition? */
function reaches({ ends }: Shown, other: Shown | undefined): boolean {
  return other === undefined || [...other.ends].every(([partition, end]) => (ends.get(partition) ?? 0) >= end)
}
