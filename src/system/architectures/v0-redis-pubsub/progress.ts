import type { OrderChannel } from './channel.ts'

const INTERVAL_MS = 100
const LAST_WITHIN_MS = 1_000

/** Tells, at most ten times a second, how far the consumer is and how many events are stored. */
export interface Progress extends AsyncDisposable {
  /** Everything up to this position is stored, or lost. */
  reached(position: number): void
  /** Positions of the Redis that was lost say nothing to the next one. */
  forget(): void
}

export function createProgress(channel: OrderChannel, stored: () => number): Progress {
  let position: number | undefined
  let lastMs = -Infinity
  let timer: NodeJS.Timeout | undefined

  function soon(): void {
    timer ??= setTimeout(() => void tell(), Math.max(0, lastMs + INTERVAL_MS - performance.now()))
  }

  async function tell(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    if (position === undefined) return
    lastMs = performance.now()
    const told = position
    try {
      await channel.passed(told, stored())
    } catch {
      // Redis is away, or just back: once more, unless that is forgotten by then.
      if (told === position) soon()
    }
  }

  return {
    reached(reached) {
      position = reached
      soon()
    },
    forget() {
      position = undefined
    },
    async [Symbol.asyncDispose]() {
      await Promise.race([tell(), new Promise((resolve) => setTimeout(resolve, LAST_WITHIN_MS).unref())])
      clearTimeout(timer)
    },
  }
}
