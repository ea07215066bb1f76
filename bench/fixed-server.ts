/** The fastest honest Node server: waits for a whole request, answers every one with the same 202. Prints its port. */
import { createServer, type AddressInfo } from 'node:net'
import { requestLength } from '../src/selftest/request-reader.ts'

const REPLY = Buffer.from('HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"ok":"true"}')

const server = createServer({ noDelay: true }, (socket) => {
  let held: Buffer | undefined
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    let bytes = held ? Buffer.concat([held, chunk]) : chunk
    held = undefined
    while (bytes.length > 0) {
      const length = requestLength(bytes)
      if (length === 0 || length > bytes.length) {
        held = bytes
        return
      }
      socket.write(REPLY)
      bytes = bytes.subarray(length)
    }
  })
})
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', 4096, () => console.log((server.address() as AddressInfo).port))
// The benchmark's end of the pipe closing, however it ended, ends this.
process.stdin.on('end', () => process.exit(0)).resume()
