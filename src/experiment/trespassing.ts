import { setTimeout as sleep } from 'node:timers/promises'
import type { Trespasser } from '../system/architecture.ts'
import type { Emit } from './emit.ts'

const EVERY_MS = 1_000
/** After the load's end a round that is under way is awaited so long. */
const LAST_ROUND_MS = 5_000

/** A round of attempts a second, until disposed; tells of each round. A round that takes longer delays the next. */
export function trespassing(trespasser: Pick<Trespasser, 'round'>, emit: Emit, everyMs = EVERY_MS): AsyncDisposable {
  const over = new AbortController()
  let told = false
  const working = (async () => {
    while (!over.signal.aborted) {
      const dueMs = performance.now() + everyMs
      try {
        const attempts = await trespasser.round()
        emit({ type: 'trespassed', attempts: attempts.length, leaks: attempts.flatMap(({ tried, leaked }) => (leaked === undefined ? [] : [{ tried, leaked }])) })
      } catch (error) {
        // What cannot be tried is no proof of a border: the verdict asks for attempts that were answered.
        if (!told) emit({ type: 'note', level: 'warning', says: `a round of attempts to cross borders failed: ${(error as Error).message}` })
        told = true
      }
      await sleep(Math.max(0, dueMs - performance.now()), undefined, { signal: over.signal }).catch(() => undefined)
    }
  })()
  return {
    async [Symbol.asyncDispose]() {
      over.abort()
      await Promise.race([working, sleep(LAST_ROUND_MS, undefined, { ref: false })])
    },
  }
}
