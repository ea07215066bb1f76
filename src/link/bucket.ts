/** How many bytes may pass by now at a rate. Pure. What was not used is saved for 20 ms at the most, so that no burst of a second follows a pause. */
export interface Bucket {
  /** Takes up to so many. @returns how many may pass now; 0: none yet */
  take(wanted: number, nowMs: number): number
}

/** Longer than a timer is late on a busy machine, or the rate would never be reached. */
const SAVED_MS = 20

export function createBucket(bytesPerSecond: number, startMs: number): Bucket {
  const perMs = bytesPerSecond / 1_000
  const most = Math.max(1, perMs * SAVED_MS)
  let saved = 0
  let lastMs = startMs
  return {
    take(wanted, nowMs) {
      saved = Math.min(most, saved + Math.max(0, nowMs - lastMs) * perMs)
      lastMs = Math.max(lastMs, nowMs)
      const granted = Math.min(wanted, Math.floor(saved))
      saved -= granted
      return granted
    },
  }
}
