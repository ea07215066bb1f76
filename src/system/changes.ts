import type { Context } from './context.ts'
import { channelOf, closeRedis, connectRedis } from './redis.ts'

/** Without Redis nobody tells of changes: then it is as if it were told so often. */
const BLIND_MS = 1_000

/** What is told on a channel of Redis, passed on to whoever listens in this process. */
export interface Changes extends AsyncDisposable {
  onChange(listener: () => void): Disposable
}

export function listenForChanges(context: Context, channel: string): Changes {
  const redis = connectRedis(context, 'api-listener')
  const listeners = new Set<() => void>()
  const tell = () => listeners.forEach((it) => it())
  redis.on('message', tell)
  redis.on('ready', () => {
    // Whatever was told while it was away is lost: look.
    redis.subscribe(channelOf(redis, channel)).then(tell, () => {})
  })
  const blind = setInterval(() => {
    if (redis.status !== 'ready') tell()
  }, BLIND_MS)
  blind.unref()
  return {
    onChange(it) {
      listeners.add(it)
      return { [Symbol.dispose]: () => void listeners.delete(it) }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(blind)
      await closeRedis(redis)
    },
  }
}
