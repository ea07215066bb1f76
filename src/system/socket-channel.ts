import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Reader } from './architecture.ts'
import type { Dashboard } from './dashboard.ts'
import { diffDashboards } from './diff.ts'
import type { Meter } from './metrics.ts'
import { textFrame } from './text-frame.ts'
import { SHARED } from './tracing/span.ts'
import type { Tracer } from './tracing/tracer.ts'

/** At most ten pushes a second. */
const PUSH_INTERVAL_MS = 100
const RETRY_MS = 500
/** What may wait unsent for one client; never less than four frames, so that a large dashboard alone closes nobody. */
const MAX_BUFFERED_BYTES = 1024 * 1024
const GONE_WITHIN_MS = 2_000

/** Close codes: RFC 6455, 7.4.1, and one of our own. */
export const CLOSE = { goingAway: 1001, tooSlow: 1013, mayNotSee: 4401 } as const

export interface Client {
  socket: WebSocket
  /** Frames are written here directly: one Buffer, framed once, for all clients. */
  stream: Duplex
  /** What it was sent last; -1 before the first and after it asked for a full one. */
  version: number
  answeredPing: boolean
  /** ms since the epoch; nothing is sent from then on. */
  expiresAtMs: number
}

export interface ChannelOptions {
  name: string
  payload: 'full' | 'diff'
  meter: Meter
  log: (line: string) => void
  tracer?: Tracer
}

/** All who see the same: one reading of the dashboard and one frame for all of them. */
export interface Channel extends Disposable {
  readonly clients: ReadonlySet<Client>
  add(client: Client): void
  /** From here on it is sent nothing. */
  remove(client: Client): void
  /** A client is behind, or may be. */
  wake(): void
}

/** It asks for the dashboard only while somebody listens, and at its own pace: whoever reads slowly delays no other channel. */
export function openChannel(reader: Reader, { name, payload, meter, log, tracer }: ChannelOptions): Channel {
  const clients = new Set<Client>()
  let shown: Dashboard | undefined
  let shownFull: Buffer | undefined
  let timer: NodeJS.Timeout | undefined
  let stale = true
  let busy = false
  let lastPushMs = 0
  let listening: Disposable | undefined

  function wake(): void {
    if (timer !== undefined || busy || clients.size === 0) return
    timer = setTimeout(push, Math.max(0, lastPushMs + PUSH_INTERVAL_MS - performance.now()))
  }

  async function push(): Promise<void> {
    timer = undefined
    busy = true
    lastPushMs = performance.now()
    const beganMs = tracer?.nowMs()
    const pushes = meter.pushes
    try {
      const before = shown
      if (stale) {
        stale = false
        const now = await reader.dashboard()
        // A store that was restored, or a replica that lags, may show less than was shown already: nobody's figures go back.
        if (shown === undefined || now.version > shown.version) [shown, shownFull] = [now, undefined]
      }
      if (shown !== undefined) sendTo(shown, before)
      if (beganMs !== undefined && meter.pushes > pushes) tracer!.shared(SHARED.push, beganMs, shown!.version)
    } catch (error) {
      stale = true
      lastPushMs = performance.now() + RETRY_MS
      log(`sockets (${name}): no dashboard (${error instanceof Error ? error.message : String(error)}), again in ${RETRY_MS} ms`)
    } finally {
      busy = false
      if (stale || anyBehind()) wake()
    }
  }

  function anyBehind(): boolean {
    for (const client of clients) if (client.version !== shown?.version) return true
    return false
  }

  function sendTo(now: Dashboard, before: Dashboard | undefined): void {
    const nowMs = Date.now()
    let diff: Buffer | undefined
    for (const client of clients) {
      if (client.version === now.version || client.expiresAtMs <= nowMs) continue
      const follows = payload === 'diff' && before !== undefined && client.version === before.version
      const frame = follows ? (diff ??= textFrame(JSON.stringify(diffDashboards(before, now)))) : (shownFull ??= textFrame(JSON.stringify({ kind: 'full', ...now })))
      if (client.stream.writableLength > Math.max(MAX_BUFFERED_BYTES, 4 * frame.length)) {
        meter.slowSocketsClosed += 1
        remove(client)
        closeSocket(client.socket, CLOSE.tooSlow, 'too slow: unsent data passed its bound')
        continue
      }
      client.stream.write(frame)
      client.version = now.version
      meter.pushes += 1
    }
  }

  /** The reader need not watch for changes, which may cost it a query each time, while nobody would hear of them. */
  function listenWhileNeeded(): void {
    if (clients.size > 0 && listening === undefined) {
      stale = true
      listening = reader.onChange(() => {
        stale = true
        wake()
      })
    } else if (clients.size === 0) {
      listening?.[Symbol.dispose]()
      listening = undefined
    }
  }

  function remove(client: Client): void {
    clients.delete(client)
    listenWhileNeeded()
  }

  return {
    clients,
    wake,
    remove,
    add(client) {
      clients.add(client)
      listenWhileNeeded()
      wake()
    },
    [Symbol.dispose]() {
      clearTimeout(timer)
      clients.clear()
      listenWhileNeeded()
    },
  }
}

/** The close frame queues behind what is unsent; a client that reads nothing at all is cut off after that. */
export function closeSocket(socket: WebSocket, code: number, reason: string, withinMs = GONE_WITHIN_MS): void {
  socket.close(code, reason)
  setTimeout(() => socket.terminate(), withinMs).unref()
}
