import { setTimeout as sleep } from 'node:timers/promises'
import type { V1Knobs } from '../knobs.ts'

/** After a run that failed the next one is tried this soon, however long the interval is. */
const RETRY_MS = 1_000

export interface LastRun {
  tookMs: number
  failed: boolean
}

/**
 * How long to wait after a run before the next one begins. `interval` counts from start to start, so a run that takes longer is followed by
 * the next at once and never overlaps it; `adaptive` leaves the database alone for as long as the last run took, at least.
 */
export function waitMs({ schedule, interval }: Pick<V1Knobs, 'schedule' | 'interval'>, { tookMs, failed }: LastRun): number {
  const periodMs = schedule === 'adaptive' ? Math.max(interval, 2 * tookMs) : interval
  const untilNextMs = Math.max(0, periodMs - tookMs)
  return failed ? Math.min(RETRY_MS, Math.max(interval, untilNextMs)) : untilNextMs
}

/** Runs one after the other until the signal is aborted, which ends the wait at once and lets a run come to its end. */
export async function onSchedule(knobs: Pick<V1Knobs, 'schedule' | 'interval'>, run: () => Promise<LastRun>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const last = await run()
    await sleep(waitMs(knobs, last), undefined, { signal }).catch(() => undefined)
  }
}
