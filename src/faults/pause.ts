import type { Fault } from './fault.ts'

/**
 * A hang: SIGSTOP to the replica and all its children, SIGCONT afterwards. Its connections stay open and the kernel still
 * accepts new ones for it, so its clients see silence, not an error.
 */
export const pause: Fault = {
  says: 'SIGSTOP, as a hang, for 10 s or <for>; then SIGCONT',
  defaultSeconds: 10,
  async start(target) {
    await target.pause()
    return { [Symbol.asyncDispose]: () => target.resume() }
  },
}
