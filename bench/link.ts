/** What the proxy in front of a service costs while nothing is done to it: round trips of 200 B and bulk over loopback, with and without it, in turn. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { startProxy } from '../src/link/proxy.ts'

const ROUNDS = 5
const TRIPS = 5_000
const BULK_BYTES = 200_000_000

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => undefined)
  socket.pipe(socket)
})
await once(server.listen(0, '127.0.0.1'), 'listening')
const direct = (server.address() as AddressInfo).port
// In the bench's own process, so that both paths share one loop; in a run it has a process of its own.
await using proxy = await startProxy({ host: '127.0.0.1', port: 0 }, { host: '127.0.0.1', port: direct })

for (let round = 1; round <= ROUNDS; round += 1) {
  for (const [name, port] of [['direct', direct], ['link', proxy.port]] as const) {
    const { p50, p99 } = await trips(port)
    console.log(`round ${round} ${name.padEnd(6)} round trip p50 ${p50.toFixed(0)} µs, p99 ${p99.toFixed(0)} µs; bulk ${(await bulk(port)).toFixed(0)} MB/s`)
  }
}
server.close()

async function trips(port: number): Promise<{ p50: number; p99: number }> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const took: number[] = []
  for (let i = 0; i < TRIPS; i += 1) {
    const beganMs = performance.now()
    socket.write(Buffer.alloc(200))
    await once(socket, 'data')
    took.push((performance.now() - beganMs) * 1_000)
  }
  socket.end()
  took.sort((a, b) => a - b)
  return { p50: took[TRIPS / 2]!, p99: took[Math.floor(TRIPS * 0.99)]! }
}

async function bulk(port: number): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1' })
  const chunk = Buffer.alloc(65_536)
  let back = 0
  const beganMs = performance.now()
  const done = new Promise<void>((resolve) => socket.on('data', (data) => (back += data.length) >= BULK_BYTES && resolve()))
  for (let sent = 0; sent < BULK_BYTES; sent += chunk.length) if (!socket.write(chunk)) await once(socket, 'drain')
  await done
  socket.end()
  return BULK_BYTES / 1e6 / ((performance.now() - beganMs) / 1_000)
}
