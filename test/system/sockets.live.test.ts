import { setTimeout as sleep } from 'node:timers/promises'
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { Unavailable, type Backend, type Reader, type View } from '../../src/system/architecture.ts'
import { emptyDashboard, type Dashboard } from '../../src/system/dashboard.ts'
import { createMeter } from '../../src/system/metrics.ts'
import { Refusal } from '../../src/system/problem.ts'
import { serveSockets, type Sockets } from '../../src/system/sockets.ts'
import { until } from './client.ts'

/** A tenant: what it sees, and how slowly. */
interface Tenant {
  dashboard: Dashboard
  delayMs: number
  readings: number
  listeners: Set<() => void>
}

/** Tokens as they stand: whose, until when, or why not any more. */
interface Right {
  tenant: string
  expiresAtMs?: number
  refused?: 401 | 403 | 'away'
}

const tenants = new Map<string, Tenant>()
const rights = new Map<string, Right>()
let asked = 0
let server: Server
let sockets: Sockets
let port: number
let log: string[]
let meter: ReturnType<typeof createMeter>

function readerOf(tenant: Tenant): Reader {
  return {
    async dashboard() {
      tenant.readings += 1
      await sleep(tenant.delayMs)
      return structuredClone(tenant.dashboard)
    },
    analytics: () => Promise.reject(new Error('nobody asks')),
    onChange(listener) {
      tenant.listeners.add(listener)
      return { [Symbol.dispose]: () => void tenant.listeners.delete(listener) }
    },
  }
}

async function view({ headers, url }: IncomingMessage): Promise<View> {
  asked += 1
  expect(url).not.toContain('token')
  await sleep(1)
  const right = rights.get(headers.authorization?.replace('Bearer ', '') ?? '')
  if (right === undefined || right.refused === 401) throw new Refusal(401, { error: 'no such token' })
  if (right.refused === 403) throw new Refusal(403, { error: 'no longer a member' })
  if (right.refused === 'away') throw new Unavailable('nobody knows')
  return { ...readerOf(tenants.get(right.tenant)!), channel: right.tenant, expiresAtMs: right.expiresAtMs }
}

function change(name: string, count: number): void {
  const tenant = tenants.get(name)!
  tenant.dashboard = { ...tenant.dashboard, count, version: count }
  tenant.listeners.forEach((it) => it())
}

async function serve(withViews: boolean): Promise<void> {
  const all = tenants.get('a')!
  const backend: Backend = {
    ...readerOf(all), accepted: 202, publish: () => Promise.resolve(), ready: () => ({ ok: true }), [Symbol.asyncDispose]: () => Promise.resolve(),
    ...(withViews && { view }),
  }
  server = createServer()
  sockets = serveSockets(server, backend, { payload: 'full', meter, log: (line) => void log.push(line) })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
}

beforeEach(() => {
  for (const name of ['a', 'b']) tenants.set(name, { dashboard: { ...emptyDashboard(), version: 1, count: 1, top: [{ product: name, count: 1, revenueCents: 0 }] }, delayMs: 0, readings: 0, listeners: new Set() })
  rights.clear()
  rights.set('of-a', { tenant: 'a' }).set('of-b', { tenant: 'b' })
  asked = 0
  log = []
  meter = createMeter()
})
afterEach(async () => {
  await sockets[Symbol.asyncDispose]()
  await new Promise((resolve) => {
    server.close(resolve)
    server.closeAllConnections()
  })
})

interface Seen extends Disposable {
  socket: WebSocket
  frames: Dashboard[]
  closed: Promise<{ code: number; reason: string }>
  ended: boolean
}

function see(token: string | undefined, how: 'header' | 'protocol' = 'header', headers: Record<string, string> = {}): Promise<Seen> {
  const protocols = how === 'protocol' ? ['lab.dashboard', `bearer.${token}`] : []
  const authorization: Record<string, string> = how === 'header' && token !== undefined ? { authorization: `Bearer ${token}` } : {}
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/dashboard`, protocols, { headers: { ...authorization, ...headers } })
  const frames: Dashboard[] = []
  socket.on('message', (data) => frames.push(JSON.parse(String(data)) as Dashboard))
  const seen: Seen = {
    socket, frames, ended: false, [Symbol.dispose]: () => socket.terminate(),
    closed: new Promise((resolve) => socket.on('close', (code, reason) => {
      seen.ended = true
      resolve({ code, reason: String(reason) })
    })),
  }
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(seen)).once('error', reject)
  })
}

/** The answer to an upgrade that is refused. */
function refusalOf(headers: IncomingHttpHeaders): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', path: '/ws/dashboard', headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers } })
    request.on('response', (response) => {
      let body = ''
      response.on('data', (data) => { body += String(data) }).on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }))
    })
    request.on('upgrade', (_response, socket) => {
      socket.destroy()
      reject(new Error('it was let in'))
    })
    request.on('error', reject)
    request.end()
  })
}

const latest = (seen: Seen) => seen.frames.at(-1)

describe('the dashboard socket, where everybody sees everything', () => {
  it('asks for no token, has one channel, and reads once for all', async () => {
    await serve(false)
    const all = await Promise.all(Array.from({ length: 20 }, () => see(undefined)))
    await until('all have the first', () => all.every((it) => it.frames.length > 0))
    const before = tenants.get('a')!.readings
    change('a', 5)
    await until('all have the second', () => all.every((it) => latest(it)?.count === 5))
    expect(tenants.get('a')!.readings - before).toBe(1)
    expect([sockets.open, sockets.channels, meter.sockets, asked]).toEqual([20, 1, 20, 0])
    all.forEach((it) => it[Symbol.dispose]())
    await until('all are gone', () => sockets.open === 0)
    expect(tenants.get('a')!.listeners.size).toBe(0)
  })
})

describe('the dashboard socket, where each sees its own', () => {
  beforeEach(() => serve(true))

  it.each(['header', 'protocol'] as const)('takes the token from the %s and shows only what it may see', async (how) => {
    using a = await see('of-a', how)
    using b = await see('of-b', how)
    await until('both have a frame', () => a.frames.length > 0 && b.frames.length > 0)
    change('a', 7)
    change('b', 9)
    await until('both have the change', () => latest(a)?.count === 7 && latest(b)?.count === 9)
    expect(new Set(a.frames.map((it) => it.top[0]!.product))).toEqual(new Set(['a']))
    expect(new Set(b.frames.map((it) => it.top[0]!.product))).toEqual(new Set(['b']))
    expect(a.socket.protocol).toBe(how === 'protocol' ? 'lab.dashboard' : '')
  })

  it('reads once for all of a channel', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => see(i % 2 === 0 ? 'of-a' : 'of-b')))
    await until('all have the first', () => all.every((it) => it.frames.length > 0))
    const before = tenants.get('b')!.readings
    change('b', 5)
    await until('all of b have it', () => all.every((it, i) => i % 2 === 0 || latest(it)?.count === 5))
    expect(tenants.get('b')!.readings - before).toBe(1)
    expect([sockets.open, sockets.channels, meter.sockets]).toEqual([20, 2, 20])
    all.forEach((it) => it[Symbol.dispose]())
  })

  it.each([
    ['no token', {}, 401], ['another token', { authorization: 'Bearer of-c' }, 401], ['a token in the wrong place', { 'sec-websocket-protocol': 'of-a' }, 401],
    ['the page of another site', { authorization: 'Bearer of-a', origin: 'http://elsewhere.example' }, 403],
    ['one who is no member any more', { authorization: 'Bearer gone' }, 403], ['a time when nobody knows', { authorization: 'Bearer away' }, 503],
  ] as const)('refuses %s', async (_what, headers, status) => {
    rights.set('gone', { tenant: 'a', refused: 403 }).set('away', { tenant: 'a', refused: 'away' })
    const answer = await refusalOf(headers)
    expect(answer.status).toBe(status)
    if (status === 401) expect(answer.headers['www-authenticate']).toContain('Bearer')
    if (status === 503) expect(answer.headers['retry-after']).toBe('1')
    expect(answer.body).not.toContain('of-')
    expect([sockets.open, sockets.channels]).toEqual([0, 0])
  })

  it('closes with 4401 when the token expires, and sends nothing after that', async () => {
    rights.set('brief', { tenant: 'a', expiresAtMs: Date.now() + 700 })
    using brief = await see('brief')
    using lasting = await see('of-a')
    await until('both have a frame', () => brief.frames.length > 0 && lasting.frames.length > 0)
    tenants.get('a')!.delayMs = 100
    let count = 1
    const changing = setInterval(() => change('a', ++count), 20)
    const closed = await brief.closed
    const [seenThen, atMs] = [brief.frames.length, Date.now()]
    expect(closed).toEqual({ code: 4401, reason: 'the token has expired' })
    expect(atMs).toBeGreaterThanOrEqual(rights.get('brief')!.expiresAtMs!)
    await until('the other goes on', () => (latest(lasting)?.count ?? 0) > count - 3 && lasting.frames.length > seenThen)
    clearInterval(changing)
    expect(brief.frames).toHaveLength(seenThen)
    expect(lasting.ended).toBe(false)
  })

  it('closes with 4401 and the reason when the right is taken, asks once for all of a token, and closes nobody else', async () => {
    rights.set('member', { tenant: 'a' })
    const members = await Promise.all(Array.from({ length: 10 }, () => see('member')))
    using other = await see('of-a')
    const [before, atMs] = [asked, Date.now()]
    rights.get('member')!.refused = 403
    for (const it of members) expect(await it.closed).toEqual({ code: 4401, reason: 'no longer a member' })
    expect(Date.now() - atMs).toBeLessThan(5_000)
    // One question for ten, and perhaps one or two for the other.
    expect(asked - before).toBeLessThan(5)
    expect([other.ended, sockets.open, sockets.channels]).toEqual([false, 1, 1])
  })

  it('leaves sockets open while nobody can say, and closes one that may see something else now', async () => {
    using seen = await see('of-a')
    rights.get('of-a')!.refused = 'away'
    await until('it was asked in vain', () => log.some((line) => line.includes('cannot be checked')))
    expect(seen.ended).toBe(false)
    rights.set('of-a', { tenant: 'b' })
    expect((await seen.closed)).toEqual({ code: 4401, reason: 'what this token may see has changed' })
    expect(seen.frames.every((it) => it.top[0]!.product === 'a')).toBe(true)
  })

  it('delays nobody where another channel is slow', async () => {
    tenants.get('a')!.delayMs = 4_000
    using slow = await see('of-a')
    using quick = await see('of-b')
    await until('the quick one has a frame', () => quick.frames.length > 0)
    change('b', 3)
    await until('and the next', () => latest(quick)?.count === 3)
    expect(slow.frames).toEqual([])
  })

  it('never shows a channel an older version', async () => {
    using first = await see('of-a')
    change('a', 10)
    await until('ten', () => latest(first)?.count === 10)
    change('a', 4)
    using second = await see('of-a')
    await until('the second has a frame', () => second.frames.length > 0)
    await sleep(300)
    expect([latest(first)?.count, latest(second)?.count]).toEqual([10, 10])
  })

  it('keeps a channel only while somebody listens to it', async () => {
    for (let i = 0; i < 50; i++) {
      tenants.set(`t${i}`, { ...tenants.get('a')!, listeners: new Set() })
      rights.set(`of-t${i}`, { tenant: `t${i}` })
    }
    const all = await Promise.all(Array.from({ length: 100 }, (_, i) => see(`of-t${i % 50}`)))
    await until('fifty channels', () => sockets.channels === 50)
    for (const [i, it] of all.entries()) if (i % 4 < 2) it.socket.close()
      else it.socket.terminate()
    await until('none is left', () => sockets.open === 0)
    expect([sockets.channels, meter.sockets]).toEqual([0, 0])
    for (let i = 0; i < 50; i++) expect(tenants.get(`t${i}`)!.listeners.size).toBe(0)
  })
})
