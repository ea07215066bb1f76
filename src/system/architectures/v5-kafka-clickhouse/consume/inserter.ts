import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../../../context.ts'
import { reasonOf } from '../../../reason.ts'
import type { Tenure } from './tenure.ts'
import { nextInTurn } from './turns.ts'

const LOOK_EVERY_MS = 20
const RETRY_MS = 200
/** What was read is stored before the consumer leaves, as far as that takes no longer. */
const FINISH_WITHIN_MS = 3_500

export interface Inserter {
  /** There may be something to do. */
  kick(): void
  /** Stores what is left, bounded, and ends. */
  finish(): Promise<void>
}

/** Stores cuts one after the other. An error is told once, until something is stored again. */
export function startInserter(context: Context, parts: { flush: number; active(): Tenure[]; stored(): void }): Inserter {
  let turnMs = -Infinity
  let away = false
  let finishByMs: number | undefined
  let wake = (): void => {}

  function next(): Tenure | undefined {
    // At the end nobody waits for more.
    if (finishByMs !== undefined) return parts.active().find((it) => it.whole() || it.waitingSinceMs() !== undefined)
    return nextInTurn(parts.active(), performance.now(), turnMs, parts.flush)
  }

  async function storeOne(tenure: Tenure): Promise<void> {
    if (!tenure.whole()) turnMs = performance.now()
    try {
      await tenure.storeNext()
      away = false
      parts.stored()
    } catch (error) {
      if (!away && tenure.active()) context.log(`partition ${tenure.partition} is not stored now: ${reasonOf(error)}`)
      away = true
      await sleep(RETRY_MS)
    }
  }

  async function run(): Promise<void> {
    for (;;) {
      if (finishByMs !== undefined && performance.now() >= finishByMs) return
      const tenure = next()
      if (tenure !== undefined) await storeOne(tenure)
      else if (finishByMs !== undefined) return
      else await Promise.race([sleep(LOOK_EVERY_MS), new Promise<void>((resolve) => { wake = resolve })])
    }
  }

  const running = run()
  return {
    kick: () => wake(),
    async finish() {
      finishByMs = performance.now() + FINISH_WITHIN_MS
      wake()
      await Promise.race([running, sleep(FINISH_WITHIN_MS)])
    },
  }
}
