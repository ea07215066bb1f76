import type { Context } from '../../../context.ts'
import { listenToPostgres, listenToRedis, pollVersion, type Channel } from './channels.ts'
import type { V1Knobs } from '../knobs.ts'

/** While the channel does not answer nobody tells of changes: then the dashboard is looked at so often. */
const BLIND_MS = 1_000
/** After what was told and could not be shown yet, as a replica or another process is behind. */
const AGAIN_MS = 200
/** A version that nobody has seen for so long was told by mistake, or the store is another one now. */
const BELIEVED_MS = 30_000

/** How an API replica hears that there is a new dashboard, whoever made it. */
export interface Changes extends AsyncDisposable {
  /** While nobody listens nothing is asked of anybody. */
  onChange(listener: () => void): Disposable
  /** The version that those who listen have been told of; 0 when there is none. */
  told(): number
  /** What was told could not be shown: those who listen will be told once more. */
  again(): void
}

/** `version`: asked for a few times a second with `push=poll`; undefined when it cannot be had. */
export function createChanges(context: Context<V1Knobs>, version: () => Promise<number | undefined>): Changes {
  const listeners = new Set<() => void>()
  let told = 0
  let toldMs = -Infinity
  let later: NodeJS.Timeout | undefined

  function tell(newVersion?: number): void {
    if (newVersion !== undefined && newVersion > told) [told, toldMs] = [newVersion, performance.now()]
    for (const listener of listeners) listener()
  }

  const channel = open(context, tell, () => (listeners.size > 0 ? version() : Promise.resolve(undefined)))
  const blind = setInterval(() => {
    if (listeners.size > 0) void channel.answers().then((it) => { if (!it) tell() })
  }, BLIND_MS)
  blind.unref()

  return {
    onChange(listener) {
      listeners.add(listener)
      return { [Symbol.dispose]: () => void listeners.delete(listener) }
    },
    told() {
      if (performance.now() - toldMs > BELIEVED_MS) told = 0
      return listeners.size > 0 ? told : 0
    },
    again() {
      if (listeners.size === 0) return
      later ??= setTimeout(() => {
        later = undefined
        tell()
      }, AGAIN_MS).unref()
    },
    async [Symbol.asyncDispose]() {
      clearInterval(blind)
      clearTimeout(later)
      listeners.clear()
      await channel[Symbol.asyncDispose]()
    },
  }
}

function open(context: Context<V1Knobs>, tell: (version?: number) => void, version: () => Promise<number | undefined>): Channel {
  switch (context.knobs.push) {
    case 'pubsub': return listenToRedis(context, tell)
    case 'listen': return listenToPostgres(context, tell)
    case 'poll': return pollVersion(version, tell)
  }
}
