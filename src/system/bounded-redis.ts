import type { Redis } from 'ioredis'

/** A call that nobody answered for so long is given up, and another is tried. */
const FORGET_AFTER_MS = 2_000

/** Makes a call and resolves with its answer, or with undefined when Redis is away, refuses, or takes too long. Never rejects. */
export type BoundedCalls = <T>(call: () => Promise<T>) => Promise<{ answer: T } | undefined>

/** For what can do without Redis. While a call hangs the next ones are not made: a Redis that stands still costs one wait, not one for each. */
export function boundedCalls(redis: Redis, withinMs: number): BoundedCalls {
  let hangsSinceMs: number | undefined
  return async (call) => {
    const nowMs = performance.now()
    if (redis.status !== 'ready') return undefined
    if (hangsSinceMs !== undefined && nowMs - hangsSinceMs < FORGET_AFTER_MS) return undefined
    const settled = call().then((answer) => ({ answer }), () => undefined).finally(() => { hangsSinceMs = undefined })
    return await withinLoop(withinMs, settled, () => { hangsSinceMs = nowMs })
  }
}

/**
 * What `answer` resolves with, or undefined after so many ms. It looks at the sockets once more when the time is up: in a process whose event
 * loop is late the answer has usually been there for a while, and Redis would seem to be away just when the load is highest.
 */
export function withinLoop<T>(ms: number, answer: Promise<T>, onLate: () => void): Promise<T | undefined> {
  return new Promise((resolve) => {
    let settled = false
    const timer = setTimeout(() => setImmediate(() => {
      if (settled) return
      onLate()
      resolve(undefined)
    }), ms)
    void answer.then((value) => {
      settled = true
      clearTimeout(timer)
      resolve(value)
    })
  })
}
