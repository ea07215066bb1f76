import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Backend } from './architecture.ts'
import type { Dashboard } from './dashboard.ts'
import { diffDashboards } from './diff.ts'
import type { Meter } from './metrics.ts'

export const SOCKET_PATH = '/ws/dashboard'
/** At most ten pushes a second. */
const PUSH_INTERVAL_MS = 100
const RETRY_MS = 500
const HEARTBEAT_MS = 30_000
const MAX_MESSAGE_BYTES = 64 * 1024
const MAX_SOCKETS = 10_000
/** What may wait unsent for one client; never less than four frames, so that a large dashboard alone closes nobody. */
const MAX_BUFFERED_BYTES = 1024 * 1024

interface Client {
  socket: WebSocket
  /** Frames are written here directly: one Buffer, framed once, for all clients. */
  stream: Duplex
  /** What it was sent last; -1 before the first and after it asked for a full one. */
  version: number
  answeredPing: boolean
}

export interface Sockets extends AsyncDisposable {
  /** Pending, at least one push away from what the backend has. */
  readonly open: number
}

/**
 * `GET /ws/dashboard`: pushes the dashboard to every client when it changed, whole or as what changed.
 * It asks the backend only while somebody listens, and once for all of them.
 */
export function serveSockets(server: Server, backend: Backend, options: { payload: 'full' | 'diff'; meter: Meter; log: (line: string) => void }): Sockets {
  const { payload, meter, log } = options
  const clients = new Set<Client>()
  const acceptor = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false, clientTracking: false })
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
    try {
      const before = shown
      if (stale) {
        stale = false
        const now = await backend.dashboard()
        // A store that was restored, or a replica that lags, may show less than was shown already: nobody's figures go back.
        if (shown === undefined || now.version > shown.version) [shown, shownFull] = [now, undefined]
      }
      if (shown !== undefined) sendTo(shown, before)
    } catch (error) {
      stale = true
      lastPushMs = performance.now() + RETRY_MS
      log(`sockets: no dashboard (${error instanceof Error ? error.message : String(error)}), again in ${RETRY_MS} ms`)
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
    let diff: Buffer | undefined
    for (const client of clients) {
      if (client.version === now.version) continue
      const follows = payload === 'diff' && before !== undefined && client.version === before.version
      const frame = follows ? (diff ??= textFrame(JSON.stringify(diffDashboards(before, now)))) : (shownFull ??= textFrame(JSON.stringify({ kind: 'full', ...now })))
      if (client.stream.writableLength > Math.max(MAX_BUFFERED_BYTES, 4 * frame.length)) {
        drop(client)
        continue
      }
      client.stream.write(frame)
      client.version = now.version
      meter.pushes += 1
    }
  }

  /** The close frame queues behind what is unsent; a client that reads nothing at all is cut off after that. */
  function drop(client: Client): void {
    clients.delete(client)
    meter.slowSocketsClosed += 1
    client.socket.close(1013, 'too slow: unsent data passed its bound')
    setTimeout(() => client.socket.terminate(), 2_000).unref()
  }

  /** The backend need not watch for changes, which may cost it a query each time, while nobody would hear of them. */
  function listenWhileNeeded(): void {
    meter.sockets = clients.size
    if (clients.size > 0 && listening === undefined) {
      stale = true
      listening = backend.onChange(() => {
        stale = true
        wake()
      })
    } else if (clients.size === 0) {
      listening?.[Symbol.dispose]()
      listening = undefined
    }
  }

  function join(socket: WebSocket, stream: Duplex): void {
    const client: Client = { socket, stream, version: -1, answeredPing: true }
    clients.add(client)
    listenWhileNeeded()
    socket.on('pong', () => { client.answeredPing = true })
    socket.on('message', (data) => {
      if (isFullRequest(String(data))) {
        client.version = -1
        wake()
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clients.delete(client)
      listenWhileNeeded()
    })
    wake()
  }

  function upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const refusal = upgradeProblem(request) ?? (clients.size >= MAX_SOCKETS ? '503 Service Unavailable' : undefined)
    if (refusal !== undefined) {
      stream.on('error', () => {})
      stream.end(`HTTP/1.1 ${refusal}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    acceptor.handleUpgrade(request, stream, head, (socket) => join(socket, stream))
  }

  const heartbeat = setInterval(() => {
    for (const client of clients) {
      if (!client.answeredPing) client.socket.terminate()
      client.answeredPing = false
      client.socket.ping()
    }
  }, HEARTBEAT_MS)
  heartbeat.unref()
  server.on('upgrade', upgrade)

  return {
    get open() { return clients.size },
    async [Symbol.asyncDispose]() {
      listening?.[Symbol.dispose]()
      server.off('upgrade', upgrade)
      clearInterval(heartbeat)
      clearTimeout(timer)
      const leaving = [...clients]
      clients.clear()
      for (const { socket } of leaving) socket.close(1001, 'the server is stopping')
      setTimeout(() => leaving.forEach(({ socket }) => socket.terminate()), 500).unref()
    },
  }
}

/** A page of another site must not read the dashboard with its visitor's address: an Origin must be our own host. */
export function upgradeProblem(request: Pick<IncomingMessage, 'url' | 'headers'>): string | undefined {
  if (request.url?.split('?', 1)[0] !== SOCKET_PATH) return '404 Not Found'
  const { origin, host } = request.headers
  if (origin === undefined) return undefined
  return URL.canParse(origin) && new URL(origin).host === host ? undefined : '403 Forbidden'
}

function isFullRequest(text: string): boolean {
  try {
    return (JSON.parse(text) as { type?: unknown } | null)?.type === 'full'
  } catch {
    return false
  }
}

/** One unfragmented, unmasked text frame (RFC 6455, 5.2). */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(header + length)
  frame[0] = 0x81
  frame[1] = length < 126 ? length : length < 65_536 ? 126 : 127
  if (header === 4) frame.writeUInt16BE(length, 2)
  if (header === 10) frame.writeBigUInt64BE(BigInt(length), 2)
  frame.write(text, header)
  return frame
}
