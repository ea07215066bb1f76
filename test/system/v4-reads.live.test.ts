import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { analyse } from '../../src/system/analytics.ts'
import { Unavailable, type AnalyticsQuery } from '../../src/system/architecture.ts'
import { answerKey, CHANGES, dashboardKey, EVERYBODY } from '../../src/system/architectures/v4-rabbitmq-tenants/names.ts'
import { startProjector, type Projector } from '../../src/system/architectures/v4-rabbitmq-tenants/read/projector.ts'
import { createReads, type Reads } from '../../src/system/architectures/v4-rabbitmq-tenants/read/reads.ts'
import { seedOrders } from '../../src/system/architectures/v4-rabbitmq-tenants/seed.ts'
import { API_ACCOUNT, WORK_ACCOUNT } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/accounts.ts'
import type { Principal } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/access.ts'
import type { Dashboard } from '../../src/system/dashboard.ts'
import { connectPostgres } from '../../src/system/postgres/connect.ts'
import { closeRedis, connectRedis } from '../../src/system/redis.ts'
import { until } from './client.ts'
import { expectedDashboard, randomOrders, withoutMoment } from './orders.ts'
import { placed, startStores, store, type Placed, type Stores } from './v4-stores.ts'

const QUERY: AnalyticsQuery = { fromMs: Date.UTC(2021, 0, 1), toMs: Date.UTC(2025, 0, 1), by: 'product', asked: '["2021","2025","product"]' }
const member = (workspace: number): Principal => ({ audience: 'workspace', workspace, role: 'member', user: 1, expiresAtMs: Date.now() + 60_000 })
const OPERATOR: Principal = { audience: 'operator', expiresAtMs: Date.now() + 60_000 }

let stores: Stores
let client: pg.Client
const opened: AsyncDisposable[] = []
beforeAll(async () => {
  stores = await startStores()
  client = await stores.connect(WORK_ACCOUNT)
})
afterAll(() => stores[Symbol.asyncDispose]())
beforeEach(() => stores.clear())
afterEach(async () => {
  for (const it of opened.splice(0).reverse()) await it[Symbol.asyncDispose]()
})

async function ready(redis: Redis): Promise<void> {
  await until('Redis', () => redis.status === 'ready')
}

/** What one worker projects with. */
async function projector(): Promise<Projector> {
  const pool = connectPostgres(stores.context, 'test-worker', 1, undefined, WORK_ACCOUNT)
  const redis = connectRedis(stores.context, 'test-worker')
  await ready(redis)
  const made = startProjector(stores.context, pool, redis)
  let ended: Promise<void> | undefined
  const end = async () => {
    await made[Symbol.asyncDispose]()
    await Promise.all([closeRedis(redis), pool.end()])
  }
  const whole: Projector = { changed: made.changed, [Symbol.asyncDispose]: () => (ended ??= end()) }
  opened.push(whole)
  return whole
}

/** What one API process reads with. */
async function reads(cache: 'off' | '5min' = 'off'): Promise<Reads> {
  const made = createReads({ ...stores.context, knobs: { cache } }, 'test')
  opened.push(made)
  await stores.redis.set('probe', '1')
  await until('its Redis', async () => {
    await made.of(member(5)).analytics(QUERY)
    return cache === 'off' || (await stores.redis.exists(answerKey(5, await keyHash()))) === 1
  })
  await stores.redis.del('probe', answerKey(5, await keyHash()))
  return made
}

async function keyHash(asked = QUERY.asked): Promise<string> {
  const { createHash } = await import('node:crypto')
  return createHash('sha256').update(asked).digest('hex')
}

async function inRedis(workspace: number): Promise<Dashboard | undefined> {
  const json = await stores.redis.hget(dashboardKey(workspace), 'json')
  return json === null ? undefined : (JSON.parse(json) as Dashboard)
}

async function shows(orders: readonly Placed[]): Promise<void> {
  for (const workspace of [EVERYBODY, ...new Set(orders.map((it) => it.workspace))]) {
    const theirs = orders.filter((it) => workspace === EVERYBODY || it.workspace === workspace)
    await until(`dashboard ${workspace} of ${theirs.length}`, async () => (await inRedis(workspace))?.count === theirs.length)
    const shown = (await inRedis(workspace))!
    expect(withoutMoment(shown)).toEqual(expectedDashboard(theirs))
    expect(shown.version).toBe(theirs.length)
  }
}

const some = (workspace: number, count: number, seed: number): Placed[] => placed(randomOrders(count, seed, Date.now()), workspace)
const recent = (workspace: number, count: number, seed: number): Placed[] => some(workspace, count, seed).map((it) => ({ ...it, timestampMs: Date.now() }))

describe('projected dashboards', () => {
  it('are those of each workspace and of all, whichever hours change, and only the channels concerned are told', async () => {
    const told: string[] = []
    const listener = stores.redis.duplicate()
    listener.on('message', (_channel, message) => told.push(message))
    await listener.subscribe(CHANGES)
    const worker = await projector()
    const all = [...some(1, 200, 1), ...some(2, 100, 2)]
    await store(client, all)
    worker.changed([1, 2])
    await shows(all)
    for (let round = 0; round < 4; round++) {
      // First only the current hour, then old ones as well.
      const more = round % 2 === 0 ? recent(1, 20, 10 + round) : some(1, 20, 10 + round)
      told.length = 0
      await store(client, more)
      worker.changed([1])
      all.push(...more)
      await shows(all)
      expect(new Set(told).has('1')).toBe(true)
      expect(told).not.toContain('2')
    }
    listener.disconnect()
  })

  it('are there without a hint: what others stored, and history', async () => {
    await projector()
    const all = some(3, 50, 3)
    await store(client, all)
    await shows(all)
    const history = some(4, 300, 4).map((it) => ({ ...it, owner: '4' }))
    await seedOrders(stores.context, (async function* () { yield history })())
    all.push(...history.map(({ owner: _, ...it }) => it))
    await shows(all)
  })

  it('come from several workers at once, and the others go on when one ends', async () => {
    const [first, second] = [await projector(), await projector()]
    const all = [...some(1, 30, 5), ...some(2, 30, 6)]
    await store(client, all)
    first.changed([1])
    second.changed([2])
    await shows(all)
    await first[Symbol.asyncDispose]()
    const more = [...some(1, 10, 7), ...some(2, 10, 8)]
    await store(client, more)
    second.changed([2])
    await shows([...all, ...more])
  })

  it('are written again when Redis has forgotten them', async () => {
    const worker = await projector()
    const all = [...some(1, 30, 9), ...some(2, 30, 10)]
    await store(client, all)
    worker.changed([1, 2])
    await shows(all)
    await stores.redis.flushall()
    await shows(all)
    await stores.service('redis').kill()
    await stores.service('redis').start()
    await ready(stores.redis)
    await shows(all)
  })

  it('are up to date when the last worker has stopped', async () => {
    const worker = await projector()
    const all = some(1, 30, 11)
    await store(client, all)
    worker.changed([1])
    await worker[Symbol.asyncDispose]()
    await shows(all)
  })

  it('never go back', async () => {
    const worker = await projector()
    const all = some(1, 30, 12)
    await store(client, all)
    await stores.redis.hset(dashboardKey(1), { version: 1_000, json: JSON.stringify({ version: 1_000, count: 1_000 }) })
    worker.changed([1])
    await until('everybody', async () => (await inRedis(EVERYBODY))?.count === 30)
    expect((await inRedis(1))?.version).toBe(1_000)
  })
})

describe('reads', () => {
  const orders = [1, 2].flatMap((workspace) => some(workspace, 120, 20 + workspace))
  const of = (workspace: number) => orders.filter((it) => it.workspace === workspace)

  it('show a workspace its own dashboard and analytics, and the operator the sum', async () => {
    await store(client, orders)
    const it = await reads()
    for (const round of ['from PostgreSQL', 'from Redis']) {
      if (round === 'from Redis') {
        const worker = await projector()
        worker.changed([1, 2])
        await shows(orders)
      }
      for (const workspace of [1, 2]) expect(withoutMoment(await it.of(member(workspace)).dashboard()), round).toEqual(expectedDashboard(of(workspace)))
      expect(withoutMoment(await it.of(OPERATOR).dashboard()), round).toEqual(expectedDashboard(orders))
      expect((await it.of(member(3)).dashboard()).count, round).toBe(0)
    }
    const fallbacks = it.fallbacks()
    await it.of(member(1)).dashboard()
    expect(it.fallbacks()).toBe(fallbacks)
    for (const workspace of [1, 2]) expect(await it.of(member(workspace)).analytics(QUERY)).toEqual(analyse(of(workspace), QUERY))
    expect(await it.of(OPERATOR).analytics(QUERY)).toEqual(analyse(orders, QUERY))
    expect([it.of(member(1)).channel, it.of(member(2)).channel, it.of(OPERATOR).channel]).toEqual(['workspace 1', 'workspace 2', 'everybody'])
  })

  it.each([0, -1, 1.5, NaN])('are refused to workspace %d', async (workspace) => {
    const it = await reads()
    expect(() => it.of(member(workspace))).toThrow(RangeError)
  })

  it('tell only who listens to the workspace that changed', async () => {
    const it = await reads()
    const heard: number[] = []
    using _one = it.of(member(1)).onChange(() => heard.push(1))
    const two = it.of(member(2)).onChange(() => heard.push(2))
    using _all = it.of(OPERATOR).onChange(() => heard.push(0))
    await until('it is subscribed', async () => (await stores.redis.publish(CHANGES, '999')) > 0)
    heard.length = 0
    await stores.redis.publish(CHANGES, '2')
    await until('the second heard', () => heard.length > 0)
    expect(heard).toEqual([2])
    two[Symbol.dispose]()
    await stores.redis.publish(CHANGES, '2')
    await stores.redis.publish(CHANGES, '0')
    await until('the operator heard', () => heard.length > 1)
    expect(heard).toEqual([2, 0])
  })

  it('without Redis come from PostgreSQL, and changes are looked for', async () => {
    await store(client, orders)
    const it = await reads('5min')
    let looked = 0
    using _listening = it.of(member(1)).onChange(() => void (looked += 1))
    await stores.service('redis').pause()
    try {
      expect((await it.of(member(1)).dashboard()).count).toBe(120)
      expect(await it.of(member(1)).analytics(QUERY)).toEqual(analyse(of(1), QUERY))
      await until('it looks', () => looked > 1)
    } finally {
      await stores.service('redis').resume()
    }
  })

  it('without PostgreSQL are refused in bounded time, unless Redis has them', async () => {
    await store(client, orders)
    const worker = await projector()
    worker.changed([1, 2])
    await shows(orders)
    const it = await reads()
    await stores.service('postgres').pause()
    try {
      const beganMs = performance.now()
      expect((await it.of(member(1)).dashboard()).count).toBe(120)
      await expect(it.of(member(3)).dashboard()).rejects.toBeInstanceOf(Unavailable)
      await expect(it.of(OPERATOR).analytics(QUERY)).rejects.toBeInstanceOf(Unavailable)
      expect(performance.now() - beganMs).toBeLessThan(10_000)
    } finally {
      await stores.service('postgres').resume()
    }
    await until('it answers again', () => it.of(member(1)).analytics(QUERY).then(() => true, () => false))
  })
})

describe('kept answers', () => {
  const orders = [1, 2].flatMap((workspace) => some(workspace, 120, 30 + workspace))
  const of = (workspace: number) => analyse(orders.filter((it) => it.workspace === workspace), QUERY)
  beforeEach(() => store(client, orders))
  const counts = ({ answers }: Reads) => [answers.hits(), answers.misses(), answers.waits()]

  it('are each workspace’s own, though all ask the same', async () => {
    const it = await reads('5min')
    for (let round = 0; round < 2; round++) {
      expect(await it.of(member(1)).analytics(QUERY)).toEqual(of(1))
      expect(await it.of(member(2)).analytics(QUERY)).toEqual(of(2))
      expect(await it.of(OPERATOR).analytics(QUERY)).toEqual(analyse(orders, QUERY))
      expect(await it.of(member(3)).analytics(QUERY)).toEqual([])
    }
    const ttlMs = await stores.redis.pttl(answerKey(1, await keyHash()))
    expect(ttlMs).toBeGreaterThan(290_000)
    expect(ttlMs).toBeLessThanOrEqual(300_000)
  })

  it('do not count when they say that they are another’s, or to another question, or nothing', async () => {
    const it = await reads('5min')
    await it.of(member(2)).analytics(QUERY)
    const theirs = (await stores.redis.get(answerKey(2, await keyHash())))!
    const key = answerKey(1, await keyHash())
    for (const forged of [theirs, JSON.stringify({ workspace: 1, asked: 'other', rows: [] }), 'no JSON', 'null', '[]']) {
      await stores.redis.set(key, forged)
      expect(await it.of(member(1)).analytics(QUERY)).toEqual(of(1))
    }
  })

  it('are kept for all processes until they expire, and then computed again', async () => {
    const [a, b] = [await reads('5min'), await reads('5min')]
    await a.of(member(1)).analytics(QUERY)
    const [before, beforeB] = [counts(a), counts(b)]
    const more = some(1, 50, 40)
    await store(client, more)
    expect(await b.of(member(1)).analytics(QUERY)).toEqual(of(1))
    expect(counts(b)).toEqual([beforeB[0]! + 1, beforeB[1], beforeB[2]])
    await stores.redis.pexpire(answerKey(1, await keyHash()), 1)
    await sleep(20)
    const now = analyse([...orders, ...more].filter((one) => one.workspace === 1), QUERY)
    expect(await a.of(member(1)).analytics(QUERY)).toEqual(now)
    expect(counts(a)).toEqual([before[0], before[1]! + 1, before[2]])
  })

  it('are not kept when they are very large', async () => {
    const it = await reads('5min')
    await store(client, some(3, 7_000, 42))
    const hours = { ...QUERY, by: 'hour' as const, asked: '["2021","2025","hour"]' }
    expect((await it.of(member(3)).analytics(hours)).length).toBeGreaterThan(3_000)
    expect(await stores.redis.exists(answerKey(3, await keyHash(hours.asked)))).toBe(0)
  })

  it('cache=off: are none', async () => {
    const it = await reads('off')
    expect(await it.of(member(1)).analytics(QUERY)).toEqual(of(1))
    expect(await stores.redis.keys('analytics:*')).toEqual([])
    await store(client, some(1, 50, 41))
    expect(await it.of(member(1)).analytics(QUERY)).not.toEqual(of(1))
  })

  it('are computed once for fifty who ask at the same moment, and once for each workspace', async () => {
    const it = await reads('5min')
    const before = counts(it)
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => it.of(member(1 + (i % 2))).analytics(QUERY)))
    for (const [i, answer] of answers.entries()) expect(answer).toEqual(of(1 + (i % 2)))
    expect(counts(it)).toEqual([before[0], before[1]! + 2, before[2]! + 48])
  })
})

describe('the accounts', () => {
  it('let the API see nothing without its workspace, nothing of another, and the sum of all never', async () => {
    await store(client, [...some(1, 10, 50), ...some(2, 10, 51)])
    const api = await stores.connect(API_ACCOUNT)
    const seen = async (table: string) => (await api.query<{ n: number }>(`SELECT count(*)::integer AS n FROM ${table}`)).rows[0]!.n
    for (const table of ['orders', 'totals', 'event_aggregations', 'rollup_state']) expect(await seen(table), table).toBe(0)
    await api.query('BEGIN; SET LOCAL lab.workspace = 1')
    expect(await seen('orders')).toBe(10)
    expect((await api.query('SELECT FROM orders WHERE workspace_id <> 1')).rowCount).toBe(0)
    await api.query('ROLLBACK')
    await expect(api.query('SELECT FROM everybody_aggregations')).rejects.toThrow(/permission denied/)
  })
})
