import { bringBack } from './bring-back.ts'
import type { Fault } from './fault.ts'

/** A crash: SIGKILL to the replica and all its children. What its restart policy does not bring back, the lab does. */
export const kill: Fault = {
  says: 'SIGKILL, as a crash; back at once (by its restart policy, or else by the lab), or after <for>',
  async start(target, lasting, signal) {
    const { willRestart } = await target.kill({ hold: lasting })
    return { [Symbol.asyncDispose]: () => bringBack(() => (willRestart ? target.ready(signal) : target.start()), signal) }
  },
}
