import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer, type WebSocket } from 'ws'
import { Unavailable, type Backend, type View } from './architecture.ts'
import type { Meter } from './metrics.ts'
import { CLOSE, closeSocket, openChannel, type Channel, type Client } from './socket-channel.ts'
import { watchRights } from './socket-rights.ts'
import type { Tracer } from './tracing/tracer.ts'
import { chooseProtocol, refuseFor, refuseUpgrade, takeToken, upgradeProblem } from './socket-upgrade.ts'

const HEARTBEAT_MS = 30_000
const MAX_MESSAGE_BYTES = 64 * 1024
const MAX_SOCKETS = 10_000
/** Where there are several channels: one of them must leave room for the others. */
const MAX_SOCKETS_A_CHANNEL = 5_000
/** Each holds a dashboard and its frame. */
const MAX_CHANNELS = 2_000
/** Upgrades about whose rights nothing is known yet. */
const MAX_UNDECIDED = 500
const DECIDED_WITHIN_MS = 5_000
const FULL = '503 Service Unavailable'
/** The one channel where everybody sees everything. */
const EVERYTHING = ''

export interface Sockets extends AsyncDisposable {
  readonly open: number
  /** Those that somebody listens on; where everybody sees everything there is one. */
  readonly channels: number
}

/**
 * `GET /ws/dashboard`: pushes the dashboard to every client when it changed, whole or as what changed. Where the backend has views, each
 * upgrade is asked about: all who may see the same share a channel, which is there as long as one of them is, and a client is closed with
 * 4401 and a reason when its right ends.
 */
export function serveSockets(server: Server, backend: Backend, options: { payload: 'full' | 'diff'; meter: Meter; log: (line: string) => void; tracer?: Tracer }): Sockets {
  const { meter, log } = options
  const channels = new Map<string, Channel>()
  const acceptor = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false, clientTracking: false, handleProtocols: chooseProtocol })
  const view = backend.view?.bind(backend)
  const rights = view && watchRights<Client>({ view, log, end: (client, reason) => lose(client, reason) })
  /** The channel of each client that is open. */
  const homes = new Map<Client, string>()
  let undecided = 0
  if (view === undefined) channels.set(EVERYTHING, openChannel(backend, { ...options, name: 'all' }))

  function leave(client: Client): void {
    const name = homes.get(client)
    if (name === undefined) return
    homes.delete(client)
    rights?.release(client)
    meter.sockets = homes.size
    const channel = channels.get(name)!
    channel.remove(client)
    if (channel.clients.size > 0 || name === EVERYTHING) return
    channel[Symbol.dispose]()
    channels.delete(name)
  }

  function lose(client: Client, reason: string): void {
    leave(client)
    closeSocket(client.socket, CLOSE.mayNotSee, reason)
  }

  function join(name: string, channel: Channel, socket: WebSocket, stream: Duplex, expiresAtMs: number): Client {
    const client: Client = { socket, stream, version: -1, answeredPing: true, expiresAtMs }
    homes.set(client, name)
    meter.sockets = homes.size
    channel.add(client)
    socket.on('pong', () => { client.answeredPing = true })
    socket.on('message', (data) => {
      if (isFullRequest(String(data))) {
        client.version = -1
        channel.wake()
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => leave(client))
    return client
  }

  function hasRoom(name: string): boolean {
    const channel = channels.get(name)
    return homes.size < MAX_SOCKETS && (channel === undefined ? channels.size < MAX_CHANNELS : channel.clients.size < MAX_SOCKETS_A_CHANNEL)
  }

  function channelOf(seen: View): Channel {
    const channel = channels.get(seen.channel) ?? openChannel(seen, { ...options, name: seen.channel })
    channels.set(seen.channel, channel)
    return channel
  }

  async function decide(ask: NonNullable<Backend['view']>, request: IncomingMessage): Promise<View> {
    const late = new AbortController()
    undecided += 1
    try {
      takeToken(request)
      const tooLate = sleep(DECIDED_WITHIN_MS, undefined, { signal: late.signal }).then(() => {
        throw new Unavailable('nobody could say in time what this request may see')
      })
      return await Promise.race([ask(request), tooLate])
    } finally {
      undecided -= 1
      late.abort()
    }
  }

  async function admit(ask: NonNullable<Backend['view']>, request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    if (undecided >= MAX_UNDECIDED) return refuseUpgrade(stream, FULL)
    const ignore = (): void => {}
    stream.on('error', ignore)
    let seen: View
    try {
      seen = await decide(ask, request)
    } catch (error) {
      if (!refuseFor(stream, error)) log(`sockets: an upgrade failed: ${error instanceof Error ? error.stack : String(error)}`)
      return
    }
    if (!hasRoom(seen.channel)) return refuseUpgrade(stream, FULL)
    const { channel, expiresAtMs = Infinity } = seen
    stream.off('error', ignore)
    // Called back at once, or never: what is not fit to be a socket has been answered then.
    acceptor.handleUpgrade(request, stream, head, (socket) => {
      rights!.hold(join(channel, channelOf(seen), socket, stream, expiresAtMs), { request, channel, expiresAtMs })
    })
  }

  function upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const refusal = upgradeProblem(request) ?? (homes.size >= MAX_SOCKETS ? FULL : undefined)
    if (refusal !== undefined) return refuseUpgrade(stream, refusal)
    if (view !== undefined) return void admit(view, request, stream, head)
    acceptor.handleUpgrade(request, stream, head, (socket) => join(EVERYTHING, channels.get(EVERYTHING)!, socket, stream, Infinity))
  }

  const heartbeat = setInterval(() => {
    for (const client of homes.keys()) {
      if (!client.answeredPing) client.socket.terminate()
      client.answeredPing = false
      client.socket.ping()
    }
  }, HEARTBEAT_MS)
  heartbeat.unref()
  server.on('upgrade', upgrade)

  return {
    get open() { return homes.size },
    get channels() { return channels.size },
    async [Symbol.asyncDispose]() {
      server.off('upgrade', upgrade)
      clearInterval(heartbeat)
      rights?.[Symbol.dispose]()
      const leaving = [...homes.keys()]
      homes.clear()
      for (const channel of channels.values()) channel[Symbol.dispose]()
      channels.clear()
      for (const { socket } of leaving) closeSocket(socket, CLOSE.goingAway, 'the server is stopping', 500)
    },
  }
}

function isFullRequest(text: string): boolean {
  try {
    return (JSON.parse(text) as { type?: unknown } | null)?.type === 'full'
  } catch {
    return false
  }
}
