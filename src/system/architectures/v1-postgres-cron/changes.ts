import type { Context } from '../../context.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import type { V1Knobs } from './knobs.ts'
import { CHANGES } from './names.ts'

/** How an API replica hears that there is a new dashboard, whoever made it. */
export interface Changes extends AsyncDisposable {
  onChange(listener: () => void): Disposable
}

export function createChanges(context: Context<V1Knobs>): Changes {
  const redis = connectRedis(context, 'api-listener')
  const listeners = new Set<() => void>()
  const tell = () => listeners.forEach((it) => it())
  redis.on('message', tell)
  redis.on('ready', () => {
    // Whatever was told while it was away is lost: look.
    redis.subscribe(CHANGES).then(tell, () => {})
  })
  return {
    onChange(listener) {
      listeners.add(listener)
      return { [Symbol.dispose]: () => void listeners.delete(listener) }
    },
    [Symbol.asyncDispose]: () => closeRedis(redis),
  }
}
