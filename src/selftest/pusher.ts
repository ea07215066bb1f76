import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'

/** What a known dashboard pushed, and to how many. */
export interface PusherReport {
  /** Sent to the sockets, all together. */
  messages: number
  bytes: number
  connections: number
  /** Times somebody asked for a full one. */
  asked: number
  /** [moment in ms since the epoch, count] of every push. */
  pushed: [number, number][]
}

const PUSH_MS = 100
/** Pushes, by number from 1, that do something unusual. */
export const PUSHER_SCRIPT = {
  /** This version is not sent, so the diff after it does not follow. */
  skipped: 8,
  /** Closes the sockets, without a word, before this push. */
  closes: 16,
  /** A full one whose version and count lie back. */
  backwards: 26,
  /** The totals of this one do not add up. */
  wrongTotals: 29,
  last: 32,
} as const

/** A dashboard of one product whose count grows by 10 ten times a second once somebody is connected, with the surprises of {@link PUSHER_SCRIPT}. */
export async function startPusher(): Promise<{ port: number; report(): PusherReport }> {
  const http = createServer()
  const server = new WebSocketServer({ server: http, perMessageDeflate: false })
  const clients = new Set<WebSocket>()
  const report: PusherReport = { messages: 0, bytes: 0, connections: 0, asked: 0, pushed: [] }
  let version = 0
  let timer: NodeJS.Timeout | undefined

  server.on('connection', (socket) => {
    report.connections++
    clients.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => clients.delete(socket))
    socket.on('message', () => {
      report.asked++
      send(socket, full(version))
    })
    send(socket, full(version))
    timer ??= setInterval(push, PUSH_MS)
  })

  function push(): void {
    version++
    if (version > PUSHER_SCRIPT.last) {
      clearInterval(timer)
      return
    }
    if (version === PUSHER_SCRIPT.skipped) return
    if (version === PUSHER_SCRIPT.closes) for (const socket of clients) socket.terminate()
    if (version === PUSHER_SCRIPT.backwards) broadcast(full(version - 5))
    const off = version === PUSHER_SCRIPT.wrongTotals ? 1 : 0
    report.pushed.push([Date.now(), 10 * version])
    broadcast(message('diff', version, off))
  }

  function broadcast(text: string): void {
    for (const socket of clients) send(socket, text)
  }

  function send(socket: WebSocket, text: string): void {
    if (socket.readyState !== socket.OPEN) return
    report.messages++
    report.bytes += text.length
    socket.send(text)
  }

  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return { port: (http.address() as AddressInfo).port, report: () => report }
}

function full(version: number): string {
  return message('full', version, 0)
}

function message(kind: 'full' | 'diff', version: number, off: number): string {
  const count = 10 * version
  const tally = { count: count - off, revenueCents: 0 }
  const from = kind === 'diff' ? { from: version - 1 } : {}
  const maps = { byProduct: { latte: tally }, byStore: { 'store-01': tally }, byType: { order_paid: tally }, byHour: { '2026-01-01T00:00Z': tally } }
  return JSON.stringify({ kind, version, ...from, asOf: '2026-01-01T00:00:00.000Z', count, ...maps, top: [] })
}
