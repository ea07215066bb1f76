import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { startProxy, type Proxy } from '../../src/link/proxy.ts'
import { readToxic, type ToxicKind } from '../../src/link/toxic.ts'

/** A server behind a proxy, both real, on loopback. */
async function linked(serve: (socket: Socket) => void = (socket) => void socket.pipe(socket)) {
  const taken: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    taken.push(socket)
    socket.on('error', () => undefined)
    serve(socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const proxy = await startProxy({ host: '127.0.0.1', port: 0 }, { host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  const clients: Socket[] = []
  return {
    proxy,
    server,
    taken,
    async client(): Promise<Socket> {
      const socket = connect({ host: '127.0.0.1', port: proxy.port, allowHalfOpen: true })
      socket.on('error', () => undefined)
      clients.push(socket)
      await once(socket, 'connect')
      return socket
    },
    async [Symbol.asyncDispose]() {
      for (const socket of [...clients, ...taken]) socket.destroy()
      await proxy[Symbol.asyncDispose]()
      server.close()
    },
  }
}

function add(proxy: Proxy, kind: ToxicKind, value?: string): number {
  const read = readToxic(kind, value)
  if (!read.ok) throw new Error(read.says)
  return proxy.add(read.toxic)
}

async function asked(socket: Socket, text: string): Promise<string> {
  socket.write(text)
  return String((await once(socket, 'data'))[0])
}

async function took(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now()
  await work()
  return performance.now() - beganMs
}

/** Sends all of it and reads what comes back until the other side ends. */
async function echoed(socket: Socket, bytes: Buffer): Promise<string> {
  const hash = createHash('sha256')
  let length = 0
  socket.on('data', (chunk: Buffer) => {
    hash.update(chunk)
    length += chunk.length
  })
  socket.end(bytes)
  await once(socket, 'end')
  return `${length} ${hash.digest('hex')}`
}

const digest = (bytes: Buffer) => `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`

/** How the connection of a client ended. */
function ending(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.on('end', () => resolve('end'))
    socket.resume()
  })
}

describe('a proxy that nobody has told to be bad', () => {
  test('bytes are the same both ways, and a half-closed connection is read to its end', async () => {
    await using link = await linked()
    const bytes = randomBytes(8_000_000)
    expect(await echoed(await link.client(), bytes)).toBe(digest(bytes))
    await expect.poll(() => link.proxy.counts()).toEqual({ open: 0, accepted: 1, cut: 0, bytesUp: bytes.length, bytesDown: bytes.length })
  })

  test('a reader that stands still stops its writer: what is held has a bound', async () => {
    await using link = await linked(() => undefined)
    const socket = await link.client()
    let written = 0
    const chunk = Buffer.alloc(1 << 20)
    while (written < 400 && socket.write(chunk)) written += 1
    for (; written < 400; written += 1) {
      const drained = await Promise.race([once(socket, 'drain').then(() => true), sleep(500, false)])
      if (!drained) break
      socket.write(chunk)
    }
    // What two kernels' buffers take, and a little.
    expect(written).toBeLessThan(60)
  })

  test('a server that resets is a reset for the client, one that is not there as well', async () => {
    await using link = await linked((socket) => void socket.once('data', () => socket.resetAndDestroy()))
    const socket = await link.client()
    const ended = ending(socket)
    socket.write('x')
    expect(await ended).toBe('ECONNRESET')
    link.server.close()
    expect(await ending(await link.client())).toBe('ECONNRESET')
  })
})

describe('a link that is bad', () => {
  test('latency: replies come no sooner; bytes stay as they are; healed, they come at once', async () => {
    await using link = await linked()
    const socket = await link.client()
    await asked(socket, 'x')
    const id = add(link.proxy, 'latency', '200ms±50ms')
    expect(await took(() => asked(socket, 'y'))).toBeGreaterThanOrEqual(150)
    add(link.proxy, 'latency', '100ms,up')
    expect(await took(() => asked(socket, 'y'))).toBeGreaterThanOrEqual(250)
    const bytes = randomBytes(3_000_000)
    expect(await echoed(await link.client(), bytes)).toBe(digest(bytes))
    const late = add(link.proxy, 'latency', '60s')
    const reply = asked(socket, 'late')
    await sleep(300)
    for (const one of [id, late]) expect(link.proxy.remove(one)).toBe(true)
    expect(await took(() => reply)).toBeLessThan(30_000)
    expect(await reply).toBe('late')
  })

  test('bandwidth: no more than it passes, all connections together, and evenly', async () => {
    await using link = await linked()
    add(link.proxy, 'bandwidth', '1MB/s,up')
    const bytes = randomBytes(250_000)
    const sockets = [await link.client(), await link.client()]
    const ends: number[] = []
    const elapsedMs = await took(() => Promise.all(sockets.map(async (socket) => {
      expect(await echoed(socket, bytes)).toBe(digest(bytes))
      ends.push(performance.now())
    })))
    expect(elapsedMs).toBeGreaterThanOrEqual(450)
    // Served one after the other, the first would be done in half the time.
    expect(Math.abs(ends[0]! - ends[1]!)).toBeLessThan(0.4 * elapsedMs)
  })

  test('reset: what is open is reset on both sides, and so is what comes, until it is healed', async () => {
    await using link = await linked()
    const socket = await link.client()
    await asked(socket, 'x')
    const behind = ending(link.taken[0]!)
    const ended = ending(socket)
    const id = add(link.proxy, 'reset')
    expect([await ended, await behind]).toEqual(['ECONNRESET', 'ECONNRESET'])
    const next = connect(link.proxy.port, '127.0.0.1')
    expect(await ending(next)).toBe('ECONNRESET')
    expect(link.taken).toHaveLength(1)
    link.proxy.remove(id)
    expect(await asked(await link.client(), 'y')).toBe('y')
    expect(link.proxy.counts().cut).toBe(2)
  })

  test('reset-reply: the server has got it, the client gets a reset', async () => {
    const got: string[] = []
    await using link = await linked((socket) => void socket.on('data', (chunk) => (got.push(String(chunk)), socket.write('done'))))
    const socket = await link.client()
    expect(await asked(socket, 'before')).toBe('done')
    add(link.proxy, 'reset-reply')
    const ended = ending(socket)
    socket.write('commit')
    expect(await ended).toBe('ECONNRESET')
    expect(got).toEqual(['before', 'commit'])
  })

  test('timeout: what is sent disappears while it lasts, and then the connection is closed', async () => {
    const got: string[] = []
    await using link = await linked((socket) => void socket.on('data', (chunk) => got.push(String(chunk))))
    const socket = await link.client()
    const id = add(link.proxy, 'timeout')
    const late = await link.client()
    socket.write('lost')
    late.write('lost')
    await sleep(200)
    expect([got, link.taken.length, socket.closed]).toEqual([[], 1, false])
    const ended = Promise.all([ending(socket), ending(late)])
    link.proxy.remove(id)
    expect(await ended).toEqual([expect.stringMatching(/end|ECONNRESET/), expect.stringMatching(/end|ECONNRESET/)])
    expect(got).toEqual([])
  })

  test('partition: silence, and afterwards all of it arrives in order, that of new connections too', async () => {
    await using link = await linked()
    const socket = await link.client()
    await asked(socket, 'x')
    const id = add(link.proxy, 'partition')
    const late = await link.client()
    const replies = [asked(socket, 'one'), asked(late, 'two')]
    const early = await Promise.race([Promise.race(replies), sleep(300, 'nothing')])
    expect([early, link.taken.length]).toEqual(['nothing', 1])
    link.proxy.remove(id)
    expect(await Promise.all(replies)).toEqual(['one', 'two'])
  })

  test('slow-close: the end comes later, what was sent before it does not', async () => {
    await using link = await linked((socket) => void socket.end('bye'))
    add(link.proxy, 'slow-close', '400ms,down')
    const socket = await link.client()
    const beganMs = performance.now()
    expect(String((await once(socket, 'data'))[0])).toBe('bye')
    await once(socket, 'end')
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(350)
  })

  test('a share of the connections, each by its own throw', async () => {
    await using link = await linked()
    const sockets = await Promise.all(Array.from({ length: 40 }, () => link.client()))
    await Promise.all(sockets.map((socket) => asked(socket, 'x')))
    add(link.proxy, 'reset', '50%')
    const { cut } = link.proxy.counts()
    // Outside of it once in 10 million.
    expect(cut).toBeGreaterThanOrEqual(4)
    expect(cut).toBeLessThanOrEqual(36)
  })
})
