import { once } from 'node:events'
import type { RunningService } from '../runtime/runtime.ts'
import type { Fault } from './fault.ts'

/** An orderly stop: SIGTERM, and the time it asks for to finish what it has in hand. The lab starts it again. */
export const stop: Fault = {
  says: 'SIGTERM, an orderly stop, for 10 s or <for>; then started again',
  defaultSeconds: 10,
  start: (target, _lasting, signal) => stopped(target, signal),
}

/** As an update does it: stopped in order, and started again at once. */
export const restart: Fault = {
  says: 'an orderly stop, and started again at once, or after <for>',
  start: (target, _lasting, signal) => stopped(target, signal),
}

async function stopped(target: RunningService, signal: AbortSignal): Promise<AsyncDisposable> {
  await target.stop()
  return {
    async [Symbol.asyncDispose]() {
      // What is about to be taken down is not brought up again, nor waited for.
      if (signal.aborted) return
      const back = target.start()
      const done = new AbortController()
      try {
        await Promise.race([back, once(signal, 'abort', { signal: done.signal })])
      } catch (error) {
        if (!signal.aborted) throw error
      } finally {
        done.abort()
        back.catch(() => undefined)
      }
    },
  }
}
