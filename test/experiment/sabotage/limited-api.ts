/** The real API, which takes so many orders a second and hangs up on the rest: its limit is known, and no matter of the machine. */
import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

const PER_SECOND = 60
/** What a machine that stood still for half a second brings at once is no reason to hang up. */
const AT_ONCE = 30

let left = AT_ONCE
let atMs = performance.now()
subscribe('http.server.request.start', (message) => {
  const { request, socket } = message as { request: IncomingMessage; socket: Socket }
  if (request.method !== 'POST') return
  const nowMs = performance.now()
  left = Math.min(AT_ONCE, left + ((nowMs - atMs) * PER_SECOND) / 1_000)
  atMs = nowMs
  if (left < 1) socket.resetAndDestroy()
  else left -= 1
})

process.argv[2] = 'api'
await import(new URL('../../../dist/service.js', import.meta.url).href)
