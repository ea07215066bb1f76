import { boundedCalls } from '../../../bounded-redis.ts'
import type { Context } from '../../../context.ts'
import { channelOf, closeRedis, connectRedis } from '../../../redis.ts'
import { CHANGES } from '../names.ts'

const ANSWERS_WITHIN_MS = 500
/** While Redis does not answer nobody tells of changes: then everybody who listens looks so often. */
const BLIND_MS = 1_000

/** How an API replica hears that there is a new dashboard: only those are told who listen to that workspace. */
export interface Changes extends AsyncDisposable {
  listen(workspace: number, listener: () => void): Disposable
}

export function createChanges(context: Context, purpose: string): Changes {
  const redis = connectRedis(context, purpose)
  const bounded = boundedCalls(redis, ANSWERS_WITHIN_MS)
  const listeners = new Map<number, Set<() => void>>()

  function tell(workspace: number): void {
    listeners.get(workspace)?.forEach((it) => it())
  }

  function tellAll(): void {
    for (const workspace of listeners.keys()) tell(workspace)
  }

  redis.on('message', (_channel: string, message: string) => tell(Number(message)))
  redis.on('ready', () => {
    // Whatever was told while it was away is lost: look.
    redis.subscribe(channelOf(redis, CHANGES)).then(tellAll, () => {})
  })
  const blind = setInterval(() => {
    if (listeners.size > 0) void bounded(() => redis.ping()).then((it) => { if (it === undefined) tellAll() })
  }, BLIND_MS)
  blind.unref()

  return {
    listen(workspace, listener) {
      const theirs = listeners.get(workspace) ?? new Set()
      listeners.set(workspace, theirs.add(listener))
      return {
        [Symbol.dispose]() {
          theirs.delete(listener)
          if (theirs.size === 0 && listeners.get(workspace) === theirs) listeners.delete(workspace)
        },
      }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(blind)
      listeners.clear()
      await closeRedis(redis)
    },
  }
}
