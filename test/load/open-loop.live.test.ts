import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { perform } from '../../src/load/conductor.ts'
import type { InjectorSnapshot, LoadPlan } from '../../src/load/control.ts'
import { OK, REJECTED, UNKNOWN } from '../../src/measure/ledger.ts'
import { evidenceOf } from '../../src/selftest/evidence.ts'
import { requestReader } from '../../src/selftest/request-reader.ts'

const PLAIN = 'HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}'
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** A server that treats each request as it is told. */
async function serve(onRequest: (socket: Socket, text: string) => void): Promise<{ url: string; server: Server; connections(): number }> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections++
    const read = requestReader()
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => read(chunk).forEach(({ text }) => onRequest(socket, text)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    sockets.forEach((socket) => socket.destroy())
    return new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, connections: () => connections }
}

function planFor(baseUrl: string, more: Partial<LoadPlan> = {}): LoadPlan {
  return {
    baseUrl, path: '/api/v2', headers: {}, seed: 1, runTag: 2, injector: 0, startAtMs: Date.now() + 50, customers: { commuter: 1 },
    phases: [{ name: 'c', durationMs: 300, shape: { kind: 'constant', rate: 100 } }], connections: 10, maxOpen: 1_000, timeoutMs: 500, retries: 0, ...more,
  }
}

const IDLE = { loopDelayP99Ms: 0, cpuShare: 0, rssBytes: 0 }

async function run(plan: LoadPlan, stopAfterMs?: number) {
  const performing = perform(plan)
  const evidence = evidenceOf(plan)
  if (stopAfterMs !== undefined) setTimeout(() => performing.stop(), stopAfterMs)
  const { invalid } = await performing.done
  const last: InjectorSnapshot = performing.snapshot(IDLE)
  evidence.snapshot(last)
  for (const patch of performing.ledgerPatches()) evidence.ledger(patch)
  return evidence.done(invalid)
}

test('every customer sends what it should', async () => {
  const lines = new Set<string>()
  const { url } = await serve((socket, text) => {
    lines.add(text.split(' HTTP')[0]!)
    socket.write(PLAIN)
  })
  const { last } = await run(planFor(url, { customers: { commuter: 1, office: 1, browser: 1, analyst: 1 }, phases: [{ name: 'c', durationMs: 500, shape: { kind: 'constant', rate: 200 } }] }))
  expect([...lines].sort()).toEqual([
    'GET /api/analytics?by=hour', 'GET /api/analytics?by=product', 'GET /api/analytics?by=store', 'GET /api/analytics?by=type',
    'GET /api/dashboard', 'POST /api/v2/order', 'POST /api/v2/orders',
  ])
  expect(last.reads.ok).toBe(last.reads.scheduled)
  expect(last.events.ok).toBe(last.events.scheduled)
  expect(last.events.scheduled).toBeGreaterThan(100)
})

describe('what comes back wrong is unknown', () => {
  test.each([
    ['a reset before the answer', (socket: Socket) => socket.resetAndDestroy(), 'reset'],
    ['an end before the answer', (socket: Socket) => socket.end(), 'reset'],
    ['half an answer, then the end', (socket: Socket) => socket.end('HTTP/1.1 202 A\r\nContent-Length: 9\r\n\r\n{'), 'bad-reply'],
    ['garbage', (socket: Socket) => socket.write('SSH-2.0-OpenSSH_9\r\n'), 'bad-reply'],
    ['504', (socket: Socket) => socket.write('HTTP/1.1 504 T\r\nContent-Length: 0\r\n\r\n'), '504'],
    ['302', (socket: Socket) => socket.write('HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n'), '302'],
  ])('%s', async (_name, reply, kind) => {
    const { url } = await serve(reply)
    const { last } = await run(planFor(url))
    expect([last.events.unknown, last.errors]).toEqual([30, { [kind]: 30 }])
  })
})

describe('an order tried twice', () => {
  const refuse = (socket: Socket) => socket.write('HTTP/1.1 503 Full\r\nContent-Length: 0\r\n\r\n')
  const reset = (socket: Socket) => socket.resetAndDestroy()
  const accept = (socket: Socket) => socket.write(PLAIN)
  const forbid = (socket: Socket) => socket.write('HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n')
  test.each([
    ['refused, then accepted: ok', refuse, accept, 'ok', 2],
    ['lost, then accepted: ok', reset, accept, 'ok', 2],
    ['refused twice: rejected', refuse, refuse, 'rejected', 2],
    ['lost, then refused: unknown, the first may have been stored', reset, refuse, 'unknown', 2],
    ['lost, then forbidden: unknown', reset, forbid, 'unknown', 2],
    ['refused, then lost: unknown', refuse, reset, 'unknown', 2],
    ['forbidden: not tried again', forbid, accept, 'rejected', 1],
  ] as const)('%s', async (_name, first, second, outcome, attempts) => {
    const came = new Map<string, number>()
    const { url } = await serve((socket, text) => {
      const id = /"id":"([^"]+)"/.exec(text)![1]!
      came.set(id, (came.get(id) ?? 0) + 1)
      if (came.get(id) === 1) first(socket)
      else second(socket)
    })
    const { last, ledger } = await run(planFor(url, { retries: 1, timeoutMs: 1_000, phases: [{ name: 'c', durationMs: 100, shape: { kind: 'constant', rate: 50 } }] }))
    expect(last.events).toMatchObject({ scheduled: 5, sent: 5, [outcome]: 5 })
    expect([...came.values()]).toEqual(Array(5).fill(attempts))
    expect(ledger.get(0)!.fates.get(4)).toBe({ ok: OK, rejected: REJECTED, unknown: UNKNOWN }[outcome])
  })
})

test('an answer that comes after its request was given up pairs with nothing', async () => {
  // Every third answer is later than the timeout, and a 500: as the answer to another request it would show.
  let n = 0
  const { url } = await serve((socket) => {
    if (n++ % 3 === 0) setTimeout(() => socket.write('HTTP/1.1 500 Late\r\nContent-Length: 0\r\n\r\n'), 250)
    else socket.write(PLAIN)
  })
  const { last, latency } = await run(planFor(url, { timeoutMs: 200 }))
  expect(last.events).toMatchObject({ scheduled: 30, ok: 20, unknown: 10 })
  expect(last.errors).toEqual({ timeout: 10 })
  expect(latency.maxValue).toBeGreaterThanOrEqual(200_000)
})

test('an answer nobody asked for closes the connection, and answers nothing', async () => {
  const { url } = await serve((socket) => {
    socket.write(PLAIN)
    setTimeout(() => socket.write('HTTP/1.1 503 Unasked\r\nContent-Length: 0\r\n\r\n'), 3)
  })
  const { last } = await run(planFor(url, { phases: [{ name: 'c', durationMs: 300, shape: { kind: 'constant', rate: 20 } }] }))
  expect(last.events).toMatchObject({ scheduled: 6, ok: 6 })
  expect(last.errors).toEqual({})
  expect(last.connections.dropped).toBeGreaterThan(0)
})

test('no more connections than allowed, and no more than needed', async () => {
  const slow = await serve((socket) => setTimeout(() => socket.write(PLAIN), 100))
  await run(planFor(slow.url, { phases: [{ name: 'c', durationMs: 300, shape: { kind: 'constant', rate: 300 } }], connections: 7, timeoutMs: 5_000 }))
  expect(slow.connections()).toBe(7)
  const fast = await serve((socket) => socket.write(PLAIN))
  await run(planFor(fast.url, { phases: [{ name: 'c', durationMs: 300, shape: { kind: 'constant', rate: 20 } }] }))
  expect(fast.connections()).toBeLessThanOrEqual(3)
})

test('a plan that is late says so', async () => {
  const { url } = await serve((socket) => socket.write(PLAIN))
  const { invalid, last } = await run(planFor(url, { startAtMs: Date.now() - 100 }))
  expect(invalid.join()).toMatch(/came \d+ ms after/)
  expect(last.events.ok).toBe(30)
})

test('stopped in the middle: what waits is never sent, what is on a socket is awaited for 2 s, all of it counted', async () => {
  const { url } = await serve(() => {})
  const startMs = performance.now()
  const { last, ledger } = await run(planFor(url, { phases: [{ name: 'c', durationMs: 60_000, shape: { kind: 'constant', rate: 100 } }], timeoutMs: 60_000 }), 500)
  expect(performance.now() - startMs).toBeLessThan(4_000)
  const { scheduled, unknown, neverSent } = last.events
  expect([unknown, neverSent]).toEqual([10, scheduled - 10])
  expect(ledger.get(0)!.events).toBe(scheduled)
})

test('saturation ends on time with every answer accounted for, also when stopped', async () => {
  let received = 0
  const { url } = await serve((socket) => {
    received++
    setTimeout(() => socket.write(PLAIN), 5)
  })
  const phases: LoadPlan['phases'] = [{ name: 's', durationMs: 60_000, shape: { kind: 'saturation', connections: 5 } }]
  const { last, invalid } = await run(planFor(url, { phases, customers: {} }), 500)
  expect(last.events).toMatchObject({ scheduled: received, ok: received, inFlight: 0 })
  expect(invalid).toEqual([])
})

test('saturation against nobody: invalid, in bounded time', async () => {
  const { url, server } = await serve(() => {})
  await new Promise((resolve) => server.close(resolve))
  const phases: LoadPlan['phases'] = [{ name: 's', durationMs: 300, shape: { kind: 'saturation', connections: 3 } }]
  const { last, invalid } = await run(planFor(url, { phases, customers: {} }))
  expect(invalid.join()).toMatch(/3 of 3 closed-loop connections dropped/)
  expect([last.events.ok, last.events.inFlight]).toEqual([0, 0])
})
