import type { Outage } from '../run/outages.ts'
import type { Guarantee } from '../system/architecture.ts'

/** Accepted events that were due in this stretch may be missing. */
export interface LossWindow {
  service: string
  /** ms since the epoch, inclusive; absent: from the beginning. */
  fromMs?: number
  /** Inclusive; absent: to the end. */
  toMs?: number
}

/** Learns from every stored event, and then tells which may be missing. */
export interface AllowedLoss {
  add(dueMs: number, persistedAtMs: number): void
  windows(): LossWindow[]
}

/**
 * Turns what a guarantee allows, and when services were away, into stretches of due times, which the ledger knows (it does
 * not know when an answer came). An event accepted at some moment was due at most the slowest answer of that time earlier.
 * @param slowestMs largest latency of what was answered between two moments
 */
export function allowedLoss(mayLose: Guarantee['mayLose'], outages: readonly Outage[], slowestMs: (fromMs: number, toMs: number) => number): AllowedLoss {
  const excused = mayLose === false ? [] : outages.filter(({ service, how }) => mayLose.after.includes(service) && (how === 'paused' ? mayLose.evenPaused : how === 'cut' ? mayLose.evenCut : true))
  const reach = mayLose === false ? 0 : (mayLose.reachesBackMs ?? 'last-commit')
  const onMs = (service: string) => (mayLose === false ? 0 : (mayLose.reachesOnMs?.[service] ?? 0))
  /** Due time of the newest event that was stored when each outage began. */
  const newestMs = excused.map(() => -Infinity)
  const last = Math.max(-Infinity, ...excused.map(({ fromMs }) => fromMs))
  return {
    add(dueMs, persistedAtMs) {
      if (persistedAtMs > last) return
      for (const [i, { fromMs }] of excused.entries()) if (persistedAtMs <= fromMs && dueMs > newestMs[i]!) newestMs[i] = dueMs
    },
    windows: () =>
      excused.map(({ service, fromMs, toMs }, i) => {
        const beganMs = reach === 'everything' ? -Infinity : reach === 'last-commit' ? newestMs[i]! : fromMs - reach
        const untilMs = toMs === undefined ? undefined : toMs + onMs(service)
        const window: LossWindow = { service }
        if (beganMs !== -Infinity) window.fromMs = beganMs - slowestMs(beganMs, untilMs ?? Infinity)
        if (untilMs !== undefined) window.toMs = untilMs
        return window
      }),
  }
}
