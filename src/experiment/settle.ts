import { setTimeout as sleep } from 'node:timers/promises'
import type { Judge } from '../system/architecture.ts'

export interface Settled {
  tookMs: number
  backlog: number
  drained: boolean
}

const POLL_MS = 100

/**
 * Waits until nothing is left to store and the dashboard shows what is stored, at most `limitMs`. A backend that
 * is away for a moment is asked again.
 */
export async function settle(judge: Judge, limitMs: number, signal: AbortSignal): Promise<Settled> {
  const startMs = Date.now()
  let backlog = Number.NaN
  while (Date.now() - startMs < limitMs) {
    signal.throwIfAborted()
    try {
      backlog = await judge.backlog()
      if (backlog === 0 && (await judge.dashboard()).count === (await judge.stored())) {
        return { tookMs: Date.now() - startMs, backlog, drained: true }
      }
    } catch {
      backlog = Number.NaN
    }
    await sleep(POLL_MS, undefined, { signal })
  }
  // Everything stored, but shown wrongly: that is a miscount, found by reconciling, and no backlog.
  return { tookMs: Date.now() - startMs, backlog: Number.isNaN(backlog) ? -1 : backlog, drained: backlog === 0 }
}
