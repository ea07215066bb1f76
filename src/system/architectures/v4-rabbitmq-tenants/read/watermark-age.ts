/** Kept while a transaction that stays open holds the rollup back. */
const MAX_MOMENTS = 1_000

/** How old is the newest moment before which every event is in the rollups? Pure: it is told the time. */
export interface WatermarkAge {
  /** A run began at `atMs`, when `next` was the transaction to come, and everything before `horizon` is rolled up now. */
  ran(moment: { atMs: number; next: string; horizon: string }): void
  seconds(nowMs: number): number
}

export function createWatermarkAge(startMs: number): WatermarkAge {
  /** Runs that were held back: what they saw is not rolled up to its end. */
  const waiting: { atMs: number; next: bigint }[] = []
  let reachedMs = startMs
  return {
    ran({ atMs, next, horizon }) {
      if (waiting.length < MAX_MOMENTS) waiting.push({ atMs, next: BigInt(next) })
      while (waiting.length > 0 && waiting[0]!.next <= BigInt(horizon)) reachedMs = waiting.shift()!.atMs
    },
    seconds: (nowMs) => Math.max(0, nowMs - reachedMs) / 1_000,
  }
}
