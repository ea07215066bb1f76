import { readFileSync, readlinkSync } from 'node:fs'
import type { Server } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { setImmediate as nextRound, setTimeout as sleep } from 'node:timers/promises'

/**
 * Keep-alive connections stay with the replica that the kernel gave them to, so a new replica would get no load, and one
 * that is to go would never be free of it. Here a connection's answers say `connection: close` once it has lived this long
 * (up to twice as long, so that those that came together do not go together).
 */
export const RECYCLE_AFTER_MS = 2_000
const LOOK_EVERY_MS = 20
const MOST_ROUNDS = 200

export interface Recycling {
  /**
   * Takes no more connections, and ends each that there is with its next answer; resolves when none is left, or after so
   * long. An idle one is left to its client: cut, it might be cut under a request on its way, whose fate nobody would know.
   */
  drain(withinMs: number): Promise<void>
}

export function recycleConnections(server: Server, afterMs = RECYCLE_AFTER_MS): Recycling {
  const dueMs = new WeakMap<Socket, number>()
  const open = new Set<Socket>()
  let draining = false
  server.on('connection', (socket: Socket) => {
    dueMs.set(socket, performance.now() + afterMs * (1 + Math.random()))
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  // A dashboard socket is no longer a matter of requests and answers.
  server.on('upgrade', (_request, socket: Socket) => void open.delete(socket))
  server.prependListener('request', (request, response) => {
    if (draining || performance.now() > dueMs.get(request.socket)!) response.shouldKeepAlive = false
  })
  return {
    async drain(withinMs) {
      draining = true
      // What the kernel has accepted for this socket and Node has not is reset when the socket closes, so that is done when there is
      // nothing (9 of 400 connections a second were reset without).
      for (let round = 0; round < MOST_ROUNDS && unaccepted(server) > 0; round++) await nextRound()
      // Not node:http's own, which also cuts idle connections.
      NetServer.prototype.close.call(server)
      const untilMs = performance.now() + withinMs
      while (open.size > 0 && performance.now() < untilMs) await sleep(LOOK_EVERY_MS)
    },
  }
}

/** How many connections wait at a listening socket to be accepted, as Linux tells; 0 where it does not. */
function unaccepted(server: Server): number {
  try {
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle
    const inode = /\[(\d+)\]/.exec(readlinkSync(`/proc/self/fd/${fd}`))![1]!
    // Of a listening socket the receive queue holds connections.
    const line = new RegExp(`^.* 0A [0-9A-F]{8}:([0-9A-F]{8}) .* ${inode} .*$`, 'm')
    const found = ['tcp', 'tcp6'].map((table) => line.exec(readFileSync(`/proc/self/net/${table}`, 'latin1'))).find((match) => match !== null)
    return parseInt(found?.[1] ?? '0', 16)
  } catch {
    return 0
  }
}
