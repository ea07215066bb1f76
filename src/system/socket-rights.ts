import type { IncomingMessage } from 'node:http'
import type { View } from './architecture.ts'
import { answerFor } from './problem.ts'
import { reasonOf } from './reason.ts'

/** After how long an open socket's right to see is asked for again. With the sweep, and a store's own few seconds of memory, a right that was taken bites within 5 s. */
const ASK_EVERY_MS = 2_000
const SWEEP_MS = 250
/** Asked at the same time, at most. */
const LANES = 8
/** A close frame holds 123 bytes of reason. */
const REASON_BYTES = 120

/** Under which right a socket was opened. */
export interface Right {
  /** Its upgrade, to be asked about again. */
  request: IncomingMessage
  channel: string
  expiresAtMs: number
}

export interface RightsOptions<Holder> {
  view(request: IncomingMessage): Promise<View>
  /** Called once for each holder whose right has ended. */
  end(holder: Holder, reason: string): void
  log(line: string): void
}

/** Who holds which right, watched until it ends. */
export interface Rights<Holder> extends Disposable {
  hold(holder: Holder, right: Right): void
  release(holder: Holder): void
}

/**
 * A right ends with its token, or when asking again says so. Holders of the same token share one question, so a thousand sockets of one
 * user cost as much as one. Where nobody can tell, because the store is away, a right goes on until its token expires.
 */
export function watchRights<Holder>({ view, end, log }: RightsOptions<Holder>): Rights<Holder> {
  const held = new Map<Holder, Right & { askAtMs: number }>()
  let asking = false
  let blind = false

  function endNow(holder: Holder, reason: string): void {
    if (held.delete(holder)) end(holder, fitting(reason))
  }

  function sweep(): void {
    const nowMs = Date.now()
    for (const [holder, { expiresAtMs }] of held) if (expiresAtMs <= nowMs) endNow(holder, 'the token has expired')
    if (!asking) void askAgain(nowMs).finally(() => { asking = false })
  }

  async function askAgain(nowMs: number): Promise<void> {
    asking = true
    const due = [...held].filter(([, { askAtMs }]) => askAtMs <= nowMs)
    const byToken = [...Map.groupBy(due, ([, { request }]) => request.headers.authorization ?? '').values()]
    const lane = async () => {
      for (let group = byToken.pop(); group !== undefined; group = byToken.pop()) await ask(group)
    }
    await Promise.all(Array.from({ length: Math.min(LANES, byToken.length) }, lane))
  }

  async function ask(group: readonly [Holder, Right & { askAtMs: number }][]): Promise<void> {
    const [first] = group
    try {
      const { channel, expiresAtMs = Infinity } = await view(first![1].request)
      for (const [holder, right] of group) {
        right.expiresAtMs = expiresAtMs
        if (channel !== right.channel) endNow(holder, 'what this token may see has changed')
      }
      if (blind) log('sockets: rights can be checked again')
      blind = false
    } catch (error) {
      const status = answerFor(error)?.status
      if (status === 401 || status === 403) for (const [holder] of group) endNow(holder, reasonOf(error))
      else {
        if (!blind) log(`sockets: rights cannot be checked (${reasonOf(error)}); open sockets stay until their tokens expire`)
        blind = true
      }
    }
    for (const [, right] of group) right.askAtMs = Date.now() + ASK_EVERY_MS
  }

  const timer = setInterval(sweep, SWEEP_MS)
  timer.unref()
  return {
    hold: (holder, right) => void held.set(holder, { ...right, askAtMs: Date.now() + ASK_EVERY_MS }),
    release: (holder) => void held.delete(holder),
    [Symbol.dispose]() {
      clearInterval(timer)
      held.clear()
    },
  }
}

function fitting(reason: string): string {
  return Buffer.from(reason).subarray(0, REASON_BYTES).toString().replace(/\uFFFD+$/, '')
}
