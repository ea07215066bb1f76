import type { Context } from '../../../context.ts'
import { createBoundedPool } from '../../../postgres/bounded-pool.ts'
import readPosition from '../sql/read-position.sql?raw'
import readReplay from '../sql/read-replay.sql?raw'

const EVERY_MS = 1_000
/** Positions of the primary that are remembered: how far back a lag can be told in seconds. */
const REMEMBERED = 600

/** How far the replica is behind; NaN until both have been asked. */
export interface ReplicaLag extends AsyncDisposable {
  bytes(): number
  seconds(): number
}

/** The primary had written its log up to `bytes` at `atMs`. */
export interface Position {
  atMs: number
  bytes: number
}

/**
 * Seconds behind: 0 when the replica has replayed all that the primary had written. Otherwise the smaller of two upper bounds: the age of the last
 * commit that was replayed (which grows while nobody commits), and the age of the newest known position that has been replayed (coarse).
 */
export function lagSeconds(primary: readonly Position[], replayedBytes: number, lastCommitAgeS: number, nowMs: number): number {
  const newest = primary.at(-1)
  if (newest === undefined) return NaN
  if (replayedBytes >= newest.bytes) return 0
  const reached = primary.findLast((it) => it.bytes <= replayedBytes)
  const positionAgeS = reached === undefined ? Infinity : (nowMs - reached.atMs) / 1_000
  const lag = Math.min(lastCommitAgeS, positionAgeS)
  return Number.isFinite(lag) ? Math.max(0, lag) : (nowMs - primary[0]!.atMs) / 1_000
}

/** Asks primary and replica once a second. While the replica is away its lag grows: so old is what it will show first. */
export function watchReplica(context: Context): ReplicaLag {
  const primary = createBoundedPool(context, 'api-lag', 1)
  const replica = createBoundedPool({ ...context, address: () => context.address('replica') }, 'api-lag-replica', 1)
  const positions: Position[] = []
  let replayed: { bytes: number; lastCommitMs: number } | undefined
  let bytes = NaN
  let seconds = NaN
  let busy = false

  async function sample(): Promise<void> {
    const { rows: [position] } = await primary.query<{ bytes: number }>({ name: 'read-position', text: readPosition })
    positions.push({ atMs: performance.now(), bytes: position!.bytes })
    if (positions.length > REMEMBERED) positions.shift()
    try {
      const { rows: [replay] } = await replica.query<{ bytes: number | null; age_s: number | null }>({ name: 'read-replay', text: readReplay })
      if (replay!.bytes !== null) replayed = { bytes: replay!.bytes, lastCommitMs: performance.now() - 1_000 * (replay!.age_s ?? Infinity) }
    } catch {
      // The last known place stays where it was.
    }
    if (replayed === undefined) return
    const nowMs = performance.now()
    bytes = Math.max(0, position!.bytes - replayed.bytes)
    seconds = lagSeconds(positions, replayed.bytes, (nowMs - replayed.lastCommitMs) / 1_000, nowMs)
  }

  function tick(): void {
    if (busy) return
    busy = true
    sample().catch(() => {}).finally(() => { busy = false })
  }
  tick()
  const timer = setInterval(tick, EVERY_MS)
  timer.unref()

  return {
    bytes: () => bytes,
    seconds: () => seconds,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await Promise.all([primary[Symbol.asyncDispose](), replica[Symbol.asyncDispose]()])
    },
  }
}
