import type { SeriesWindow } from './series.ts'

/** Windows kept, the newest: a day of 10 s each. */
const KEPT = 8_640

/** The time series as Flink says it, window by window. */
export interface Windows {
  /** Throws on what is no window. */
  take(key: Buffer, value: Buffer): void
  /** Windows that have changed since they were last asked for, by start, ms since the epoch. */
  changed(): Map<number, SeriesWindow>
  /** All that are kept count as changed again. */
  touch(): void
  /** Start of the oldest that is kept. */
  oldestMs(): number
}

export function createWindows(): Windows {
  const windows = new Map<number, SeriesWindow>()
  let changed = new Map<number, SeriesWindow>()
  let oldestMs = -Infinity

  function forgetOldest(): void {
    if (windows.size <= 1.25 * KEPT) return
    const starts = [...windows.keys()].sort((a, b) => b - a)
    oldestMs = starts[KEPT - 1]!
    for (const start of starts.slice(KEPT)) {
      windows.delete(start)
      changed.delete(start)
    }
  }

  return {
    take(key, value) {
      const { windowStartMs } = JSON.parse(key.toString('latin1')) as { windowStartMs?: unknown }
      const { count, revenueCents } = JSON.parse(value.toString('latin1')) as { count?: unknown; revenueCents?: unknown }
      if (!Number.isSafeInteger(windowStartMs) || !Number.isSafeInteger(count) || !Number.isSafeInteger(revenueCents)) throw new Error(`no window: ${key.toString('latin1', 0, 200)}`)
      const startMs = windowStartMs as number
      const known = windows.get(startMs)
      // Said again after Flink went back to a checkpoint: the same, or less when its events came late this time.
      if (startMs < oldestMs || (known !== undefined && known.count > (count as number))) return
      const window = { start: new Date(startMs).toISOString(), count: count as number, revenueCents: revenueCents as number }
      windows.set(startMs, window)
      changed.set(startMs, window)
      forgetOldest()
    },
    changed() {
      const taken = changed
      changed = new Map()
      return taken
    },
    touch() {
      changed = new Map(windows)
    },
    oldestMs: () => oldestMs,
  }
}
