import { once } from 'node:events'
import type { Fault } from './fault.ts'

/** A crash: SIGKILL to the replica and all its children. What its restart policy does not bring back, the lab does. */
export const kill: Fault = {
  says: 'SIGKILL, as a crash; back at once (by its restart policy, or else by the lab), or after <for>',
  async start(target, lasting, signal) {
    const { willRestart } = await target.kill({ hold: lasting })
    return {
      async [Symbol.asyncDispose]() {
        // What is about to be taken down is not brought up again, nor waited for.
        if (signal.aborted) return
        const back = willRestart ? target.ready(signal) : target.start()
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
  },
}
