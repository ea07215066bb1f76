import type { RunningService } from '../runtime/runtime.ts'
import { bringBack } from './bring-back.ts'
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
  return { [Symbol.asyncDispose]: () => bringBack(() => target.start(), signal) }
}
