import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { reasonOf } from '../reason.ts'
import type { Session } from './session.ts'

const RETRY_MS = 100

/** A session that is replaced whenever it ends, and hides no outage. */
export interface Sessions extends AsyncDisposable {
  /** The one that works now; undefined: Kafka is away. */
  current(): Session | undefined
}

/** `open` is tried again until it succeeds. */
export function keepSession(context: Context<unknown>, purpose: string, open: () => Promise<Session>, onEnd: (session: Session) => void): Sessions {
  const stop = new AbortController()
  let session: Session | undefined
  let quiet = false

  function away(reason: unknown): void {
    if (!quiet && !stop.signal.aborted) context.log(`kafka (${purpose}) is away: ${reasonOf(reason)}`)
    quiet = true
  }

  async function live(): Promise<void> {
    const opened = await open()
    if (stop.signal.aborted) return opened.end('closed')
    session = opened
    if (quiet) context.log(`kafka (${purpose}) is back`)
    quiet = false
    await new Promise<void>((resolve) => {
      if (opened.ended.aborted) resolve()
      else opened.ended.addEventListener('abort', () => resolve(), { once: true })
    })
    session = undefined
    onEnd(opened)
    away(opened.ended.reason)
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await live()
      } catch (error) {
        away(error)
        await sleep(RETRY_MS, undefined, { signal: stop.signal }).catch(() => {})
      }
    }
  }

  const running = run()
  return {
    current: () => (session?.ended.aborted === false ? session : undefined),
    async [Symbol.asyncDispose]() {
      stop.abort()
      session?.end('closed')
      await running
    },
  }
}
