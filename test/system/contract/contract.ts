import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadArchitecture, type ArchitectureId } from '../../../src/system/architectures/index.ts'
import type { AnalyticsRow } from '../../../src/system/architecture.ts'
import { analyse } from '../../../src/system/analytics.ts'
import type { Order } from '../../../src/system/event.ts'
import { allowedLoss, type Times } from '../allowed-loss.ts'
import { BAD_REQUESTS } from '../bad-requests.ts'
import { drive, post, until, watch, type Fates } from '../client.ts'
import { expectedDashboard, randomOrders, wire, withoutMoment } from '../orders.ts'
import { drained, startStack, storedOrders, type Stack } from '../stack.ts'

/** Until all is stored and shown, 30 s where nothing else is said: a job that has failed is put on its feet by several processes, one after the other. */
const SETTLES_WITHIN_S: Readonly<Record<string, number>> = { v3: 90 }

/**
 * Every accepted order is stored once, as it was sent; nothing that was refused is stored; the dashboard says exactly that.
 * With `times`, those may be missing that the guarantee gives up around what went away, and no other.
 */
async function expectExact(stack: Stack, fates: Fates, times: Times = new Map()): Promise<void> {
  const shown = await drained(stack.judge, 1_000 * (SETTLES_WITHIN_S[stack.architecture.id] ?? 30))
  const stored = await storedOrders(stack.judge)
  const ids = new Set(stored.map((it) => it.id))
  expect(ids.size, 'stored twice').toBe(stored.length)
  const excused = allowedLoss(stack, stored, times)
  expect([...fates.ok].filter((id) => !ids.has(id) && !excused(id)), 'accepted and lost').toEqual([])
  expect([...fates.rejected].filter((id) => ids.has(id)), 'refused and stored').toEqual([])
  expect(stored.filter(({ owner }) => owner !== stack.owner), 'with somebody else').toEqual([])
  const altered = stored.filter(({ persistedAtMs: _, ...order }) => !sameOrder(order, fates.sent.get(order.id)))
  expect(altered, 'altered, or never sent').toEqual([])
  expect(withoutMoment(shown)).toEqual(expectedDashboard(stored))
}

function sameOrder(a: Order, b: Order | undefined): boolean {
  return b !== undefined && a.id === b.id && a.type === b.type && a.store === b.store && a.product === b.product
    && a.amountCents === b.amountCents && a.timestampMs === b.timestampMs
}

/** Whatever died is ready again, and what its guarantee still gives up then is over. */
async function allBack(stack: Stack): Promise<void> {
  const lastOf = (type: 'service-exited' | 'service-ready') => stack.events.findLast((it) => it.type === type)?.atMs ?? 0
  await until('it is back', () => lastOf('service-ready') >= lastOf('service-exited'))
}

/** A hundred more, after all that: none of these may be missing. */
async function driveOn(stack: Stack, fates: Fates): Promise<Fates> {
  const { mayLose } = stack.architecture.guarantee(stack.knobs)
  if (mayLose !== false) await sleep(Math.max(0, ...Object.values(mayLose.reachesOnMs ?? {})))
  const more = await drive(`${stack.url}/api/${stack.architecture.id}`, randomOrders(100, 8, Date.now()), { attempts: 50, headers: stack.headers.orders })
  expect(more.ok.size).toBe(100)
  return bothOf(fates, more)
}

function bothOf(a: Fates, b: Fates): Fates {
  return { sent: new Map([...a.sent, ...b.sent]), ok: a.ok.union(b.ok), rejected: a.rejected.union(b.rejected), unknown: a.unknown.union(b.unknown) }
}

/** An architecture with some of its knobs turned. */
export interface Variant {
  /** In the names of the tests. */
  name?: string
  knobs?: Record<string, string>
  /** Of the architecture's failpoints, those that are met with these knobs; all of them unless told otherwise. */
  meets?: (failpoint: string) => boolean
  /** How many are added up; 50,000, fewer where each takes long. */
  orders?: number
}

/**
 * The promises that every architecture keeps, tried from outside. `backends`: services that are not ours, each restarted under load.
 * What knobs have nothing to do with is left out of a variant that has a name.
 */
export async function contract(id: ArchitectureId, backends: readonly string[], variant: Variant = {}): Promise<void> {
  const architecture = await loadArchitecture(id)
  const { knobs = {}, meets = () => true, orders: many = 50_000 } = variant
  const failpoints = architecture.failpoints.filter(meets)
  const title = variant.name === undefined ? id : `${id} with ${variant.name}`

  describe(`${title}, running`, () => {
    let stack: Stack
    let base: string
    const send = (to: 'order' | 'orders', body: string, type?: string) => post(`${base}/${to}`, body, type, stack.headers.orders)
    const fates: Fates = { sent: new Map(), ok: new Set(), rejected: new Set(), unknown: new Set() }
    const remember = (orders: readonly Order[]) => orders.forEach((it) => { fates.sent.set(it.id, it); fates.ok.add(it.id) })
    beforeAll(async () => {
      stack = await startStack(id, { knobs: { ...knobs, payload: 'diff' } })
      base = `${stack.url}/api/${id}`
    })
    afterAll(() => stack[Symbol.asyncDispose]())

    it('shows an accepted order on the socket, first in full, then what changed', async () => {
      using watcher = await watch(stack.url, stack.headers.reads)
      await until('a first message', () => watcher.kinds.length > 0)
      const orders = randomOrders(20, 1, Date.now())
      for (const order of orders) expect((await send('order', JSON.stringify(wire(order)))).body).toEqual({ id: order.id })
      remember(orders)
      await until('20 orders on the socket', () => watcher.latest()?.count === 20, 20_000)
      expect(withoutMoment(watcher.latest()!)).toEqual(expectedDashboard(orders))
      expect(watcher.violations).toEqual([])
      expect(watcher.kinds[0]).toBe('full')
      expect(watcher.kinds.slice(1)).toContain('diff')
      watcher.ask('{"type":"full"}')
      await until('a full message on request', () => watcher.kinds.at(-1) === 'full')
    })

    it('counts an id once, however often it is sent', async () => {
      const [first, second] = randomOrders(2, 2, Date.now()) as [Order, Order]
      for (let i = 0; i < 5; i++) expect((await send('order', JSON.stringify(wire(first)))).status).toBeLessThan(300)
      const upper = JSON.stringify({ ...wire(second), id: second.id.toUpperCase() })
      const answers = await Promise.all(Array.from({ length: 5 }, () => send('order', upper)))
      expect(answers.map((it) => it.body)).toEqual(Array(5).fill({ id: second.id }))
      expect((await send('orders', JSON.stringify([first, second, first].map(wire)))).status).toBeLessThan(300)
      remember([first, second])
      await expectExact(stack, fates)
    })

    it('takes a batch whole or not at all, and names what is wrong', async () => {
      const orders = randomOrders(5, 3, Date.now())
      const wrong = orders.map((it, i) => (i === 2 || i === 4 ? { ...wire(it), store: 'nowhere' } : wire(it)))
      const answer = await send('orders', JSON.stringify(wrong))
      expect(answer.status).toBe(400)
      expect(answer.body).toMatchObject({ index: 2, field: 'store', errors: [{ index: 2, field: 'store' }, { index: 4, field: 'store' }] })
      orders.forEach((it) => { fates.sent.set(it.id, it); fates.rejected.add(it.id) })
      const good = randomOrders(5, 4, Date.now())
      const lines = good.map((it) => JSON.stringify(wire(it))).join('\n')
      expect((await send('orders', lines, 'application/x-ndjson')).body).toEqual({ count: 5, ids: good.map((it) => it.id) })
      remember(good)
      expect((await send('orders', 'x'.repeat(600_000))).status).toBe(413)
      expect((await send('orders', lines, 'text/csv')).status).toBe(415)
      await expectExact(stack, fates)
    })

    if (variant.name === undefined) refusesNonsense(id, () => stack)

    it(`adds up ${many.toLocaleString('en')} random orders, extremes included, and answers questions about them`, async () => {
      const nowMs = Date.now()
      const orders = randomOrders(many, 5, nowMs)
      const sent = await drive(base, orders, { batch: 1_000, inFlight: 4, headers: stack.headers.orders })
      expect([sent.ok.size, sent.rejected.size, sent.unknown.size]).toEqual([many, 0, 0])
      remember(orders)
      await expectExact(stack, fates)
      const from = Date.UTC(2022, 0, 1)
      const to = Date.UTC(2024, 0, 1)
      for (const by of ['product', 'store', 'type', 'hour'] as const) {
        const response = await fetch(`${stack.url}/api/analytics?from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}&by=${by}`, { headers: stack.headers.reads })
        const rows = (await response.json()) as AnalyticsRow[]
        const accepted = [...fates.ok].map((it) => fates.sent.get(it)!)
        expect(rows).toEqual(analyse(accepted, { fromMs: from, toMs: to, by }))
      }
    })
  })

  if (failpoints.length > 0) it(`${title}, killed at ${failpoints.join(', ')}, one after the other: loses nothing but what it may, doubles nothing`, async () => {
    const armed = (folder: string) => ({ LAB_FAILPOINT: failpoints.map((it) => `${it}@2`).join(','), LAB_FAILPOINT_ONCE: join(folder, 'fired') })
    await using stack = await startStack(id, { knobs: { ...('batch' in architecture.knobs.shape && { batch: '50' }), ...knobs }, env: armed })
    const times: Times = new Map()
    const deaths = () => stack.events.filter((it) => it.type === 'service-exited' && it.signal === 'SIGKILL')
    let fates: Fates = { sent: new Map(), ok: new Set(), rejected: new Set(), unknown: new Set() }
    const send = async (seed: number, count: number) => {
      const more = await drive(`${stack.url}/api/${id}`, randomOrders(count, seed, Date.now()), { inFlight: 24, attempts: 50, times, headers: stack.headers.orders })
      expect(more.ok.size).toBe(count)
      fates = bothOf(fates, more)
    }
    await send(100, 1_500)
    // A process that comes back late, or a job that runs once a second, gets there when there is something to do again.
    for (let round = 1; round <= 60 && deaths().length < failpoints.length; round++) {
      await send(100 + round, 100)
      await sleep(250)
    }
    expect(failpoints.filter((_, i) => !existsSync(join(stack.folder, i === 0 ? 'fired' : `fired-${i + 1}`))), 'never got there').toEqual([])
    await until('all were killed', () => deaths().length === failpoints.length)
    await allBack(stack)
    await expectExact(stack, await driveOn(stack, fates), times)
  }, 240_000)

  if (backends.length > 0) describe(`${title}, under load`, () => {
    let stack: Stack
    let fates: Fates = { sent: new Map(), ok: new Set(), rejected: new Set(), unknown: new Set() }
    const times: Times = new Map()
    beforeAll(async () => {
      stack = await startStack(id, { knobs })
    })
    afterAll(() => stack[Symbol.asyncDispose]())

    it.each(backends)('ends exact when %s is killed and comes back', async (backend) => {
      const service = stack.system.services.find((it) => it.service === backend)!
      using watcher = await watch(stack.url, stack.headers.reads)
      const driving = drive(`${stack.url}/api/${id}`, randomOrders(4_000, 7 + backends.indexOf(backend), Date.now()), { inFlight: 16, pauseMs: 8, times, headers: stack.headers.orders })
      const settledBefore = times.size
      await until('orders flow', () => times.size > settledBefore + 200, 20_000)
      await service.kill()
      await sleep(1_000)
      await service.start()
      const more = await driving
      fates = bothOf(fates, more)
      // A broker that takes seconds to start refuses most of them.
      expect(more.ok.size).toBeGreaterThan(100)
      fates = await driveOn(stack, fates)
      await expectExact(stack, fates, times)
      const shown = await stack.judge.dashboard()
      await until('the socket shows the end', () => watcher.latest()?.count === shown.count)
      expect(watcher.violations).toEqual([])
    })
  })
}

/** What depends on no knob. */
function refusesNonsense(id: ArchitectureId, running: () => Stack): void {
  it.each(BAD_REQUESTS)('refuses %s with %i', async (_what, status, body, type, headers) => {
    const answer = await post(`${running().url}/api/${id}/order`, body, type, { ...running().headers.orders, ...headers })
    expect([answer.status, typeof answer.body['error']]).toEqual([status, 'string'])
  })

  it('refuses what is no HTTP, and lives', async () => {
    const { hostname, port } = new URL(running().url)
    for (const bytes of ['GARBAGE\r\n\r\n', `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, `POST /api/${id}/order HTTP/1.1\r\ncontent-length: x\r\n\r\n`]) {
      const socket = connect(Number(port), hostname)
      const reply = new Promise<string>((resolve) => {
        socket.once('data', (data) => resolve(String(data))).once('close', () => resolve('closed')).on('error', () => {})
      })
      socket.write(bytes)
      expect(await reply).toMatch(/^HTTP\/1\.1 4\d\d |^closed/)
      socket.destroy()
    }
    expect((await fetch(`${running().url}/livez`)).status).toBe(200)
  })

  it('closes a socket that sends too much, and no other', async () => {
    using watcher = await watch(running().url, running().headers.reads)
    using other = await watch(running().url, running().headers.reads)
    watcher.ask('nonsense')
    watcher.ask('x'.repeat(65 * 1024))
    expect((await watcher.closed).code).toBe(1009)
    await until('the other one lives', () => other.latest() !== undefined)
  })
}
