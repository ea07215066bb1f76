/** The real API, which hangs up on its clients: twice a second it cuts the oldest connection off. */
import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

const sockets = new Set<Socket>()
subscribe('net.server.socket', (message) => {
  const { socket } = message as { socket: Socket }
  sockets.add(socket)
  socket.once('close', () => sockets.delete(socket))
})
setInterval(() => {
  const [oldest] = sockets
  oldest?.resetAndDestroy()
}, 500).unref()

process.argv[2] = 'api'
await import(new URL('../../../dist/service.js', import.meta.url).href)
