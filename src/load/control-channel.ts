/** Both ends of the control connection (see control.ts): the process that listens and the lab that steers. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer, type RawData } from 'ws'
import { EXIT, LabError } from '../run/errors.ts'

/** The lab pings this often … */
const PING_MS = 200
/** … and a process that has heard nothing for this long is on its own. */
export const SILENCE_MS = 1_000
const FIRST_SILENCE_MS = 10_000
/** Code with which a process closes that has heard nothing of the lab for so long. */
const HEARD_NOTHING = 4_001
const WATCH_MS = 100
/** A snapshot or a second's ledger of one source stays far below; a plan too. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024
const CONNECT_TIMEOUT_MS = 5_000

export interface ControlServer<Out> {
  port: number
  send(message: Out): void
  /** Sends what is left, then ends the connection and the server. */
  close(): Promise<void>
}

/**
 * Listens as `LAB_CONTROL_HOST`, `LAB_CONTROL_PORT` and `LAB_CONTROL_TOKEN` of `env` say, and prints `{"control":<port>}`.
 * `silence` is called once, 1 to 1.2 s after the last word of the lab, or when it has not connected at all after 10 s.
 */
export async function serveControl<In, Out>(
  env: NodeJS.ProcessEnv,
  on: { connected(): void; message(message: In): void; silence(): void },
): Promise<ControlServer<Out>> {
  const token = env.LAB_CONTROL_TOKEN
  if (!token) throw new Error('LAB_CONTROL_TOKEN is not set: expected the secret that the lab will connect with')
  const port = Number(env.LAB_CONTROL_PORT ?? 0)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`LAB_CONTROL_PORT=${env.LAB_CONTROL_PORT}: expected 0 to 65535`)
  let lab: WebSocket | undefined
  let heardMs = performance.now()
  let silenceMs = FIRST_SILENCE_MS
  let closing = false
  let code = 1_000

  const http = createServer((_request, response) => response.writeHead(426).end())
  const sockets = new WebSocketServer({
    server: http,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    verifyClient: ({ req }: { req: IncomingMessage }) => lab === undefined && sameSecret(tokenIn(req), token),
  })
  sockets.on('connection', (socket) => {
    lab = socket
    socket.on('message', (data) => {
      heardMs = performance.now()
      const message = JSON.parse(textOf(data)) as In
      on.message(message)
    })
    socket.on('error', () => socket.terminate())
    socket.on('close', () => (lab = undefined))
    heardMs = performance.now()
    silenceMs = SILENCE_MS
    on.connected()
  })
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    http.listen(port, env.LAB_CONTROL_HOST ?? '127.0.0.1', resolve)
  })

  let suspected = false
  const watch = setInterval(() => {
    const silent = performance.now() - heardMs > silenceMs
    // A loop that stalled finds its timers due before it has read what the lab sent meanwhile: believe only the second look.
    if (silent && suspected && !closing) {
      closing = true
      code = HEARD_NOTHING
      on.silence()
    }
    suspected = silent
  }, WATCH_MS)

  const listening = (http.address() as AddressInfo).port
  process.stdout.write(`${JSON.stringify({ control: listening })}\n`)
  return {
    port: listening,
    send: (message) => lab?.send(JSON.stringify(message)),
    async close() {
      closing = true
      clearInterval(watch)
      const socket = lab
      if (socket && socket.readyState === WebSocket.OPEN) {
        const closed = new Promise((resolve) => socket.once('close', resolve))
        socket.close(code)
        await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, SILENCE_MS).unref())])
      }
      socket?.terminate()
      sockets.close()
      http.close()
      http.closeAllConnections()
    },
  }
}

function textOf(data: RawData): string {
  return Array.isArray(data) ? Buffer.concat(data).toString() : data instanceof ArrayBuffer ? Buffer.from(data).toString() : data.toString()
}

function tokenIn(request: IncomingMessage): string {
  return new URL(request.url ?? '/', 'http://lab').searchParams.get('token') ?? ''
}

function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

export interface ControlTarget {
  host?: string
  port: number
  token: string
}

export interface ControlClient<Out> extends AsyncDisposable {
  send(message: Out): void
}

/**
 * Connects and keeps pinging until disposed. `closed` is called once, when the connection has ended for whatever reason.
 * @param who is at the other end, for messages
 */
export async function connectControl<In, Out>(
  who: string,
  target: ControlTarget,
  on: { message(message: In): void; closed(gone: Error): void },
): Promise<ControlClient<Out | { type: 'ping' }>> {
  const url = `ws://${target.host ?? '127.0.0.1'}:${target.port}/?token=${encodeURIComponent(target.token)}`
  const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES, handshakeTimeout: CONNECT_TIMEOUT_MS })
  socket.on('message', (data) => on.message(JSON.parse(textOf(data)) as In))
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', (error) => reject(new Error(`control connection to ${who}, port ${target.port}: ${error.message}`)))
  })
  const ping = setInterval(() => socket.send('{"type":"ping"}'), PING_MS)
  const closed = new Promise<void>((resolve) => {
    socket.on('error', () => socket.terminate())
    socket.once('close', (code) => {
      clearInterval(ping)
      resolve()
      on.closed(whyGone(who, code))
    })
  })
  return {
    send: (message) => socket.send(JSON.stringify(message)),
    async [Symbol.asyncDispose]() {
      clearInterval(ping)
      socket.close()
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, SILENCE_MS).unref())])
      socket.terminate()
    },
  }
}

function whyGone(who: string, code: number): Error {
  if (code !== HEARD_NOTHING) return new Error(`${who} gone before the end: control connection closed (${code})`)
  return new LabError(EXIT.invalid, `${who} heard nothing of the lab for ${SILENCE_MS / 1_000} s and stopped: the lab itself was held up that long, so nothing it saw meanwhile could be believed`, 'the machine has far too much to do: end what else runs on it, or ask for less (--rate)')
}
