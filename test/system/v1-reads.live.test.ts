import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { AnalyticsQuery } from '../../src/system/architecture.ts'
import { analyse } from '../../src/system/analytics.ts'
import { knobs, type V1Knobs } from '../../src/system/architectures/v1-postgres-cron/knobs.ts'
import { DASHBOARD } from '../../src/system/architectures/v1-postgres-cron/names.ts'
import { createView, type View } from '../../src/system/architectures/v1-postgres-cron/read/view.ts'
import { createContext } from '../../src/system/context.ts'
import type { Dashboard } from '../../src/system/dashboard.ts'
import type { Order } from '../../src/system/event.ts'
import { post, until } from './client.ts'
import { randomOrders, wire } from './orders.ts'
import { drained, startStack, type Stack } from './stack.ts'

const QUERY: AnalyticsQuery = { fromMs: Date.UTC(2021, 0, 1), toMs: Date.UTC(2025, 0, 1), by: 'product', asked: '["a","b","product"]' }
const ORDERS = 200

describe('the reads of v1', () => {
  let stack: Stack
  let redis: Redis
  let client: pg.Client
  let orders: Order[]
  let views: View[] = []
  const service = (name: string) => stack.system.services.find((it) => it.service === name)!

  /** What one API process reads with, the other services being real; several share nothing but those. */
  async function view(given: Partial<V1Knobs>, env: Record<string, string> = {}): Promise<View> {
    const context = createContext({ env: { ...stack.system.env, ...env }, knobs: { ...knobs.parse({}), ...given }, signal: new AbortController().signal })
    const made = createView(context, 'test')
    views.push(made)
    await until('a connection to Redis', async () => (await made.version()) !== undefined && (await made.dashboard()).count === ORDERS)
    await sleep(50)
    return made
  }
  const counts = ({ cache, reader }: View) => ({ hits: cache.hits(), misses: cache.misses(), waits: cache.waits(), statements: reader.statements() })
  const since = (it: View, before: ReturnType<typeof counts>) => {
    const now = counts(it)
    return { hits: now.hits - before.hits, misses: now.misses - before.misses, waits: now.waits - before.waits, statements: now.statements - before.statements }
  }

  beforeAll(async () => {
    stack = await startStack('v1', { knobs: { api: '2', stampede: 'lock' } })
    redis = new Redis({ host: stack.system.env['REDIS_HOST']!, port: Number(stack.system.env['REDIS_PORT']), retryStrategy: () => 100 })
    redis.on('error', () => {})
    client = new pg.Client({ host: stack.system.env['POSTGRES_HOST']!, port: Number(stack.system.env['POSTGRES_PORT']), user: 'lab', password: 'lab', database: 'lab' })
    client.on('error', () => {})
    await client.connect()
    orders = randomOrders(ORDERS, 31, Date.now())
    expect((await post(`${stack.url}/api/v1/orders`, JSON.stringify(orders.map(wire)))).status).toBe(201)
    await drained(stack.judge)
    await service('aggregator').stop()
  })
  afterAll(async () => {
    redis.disconnect()
    await client.end().catch(() => {})
    await stack[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    await Promise.all(views.map((it) => it[Symbol.asyncDispose]()))
    views = []
    const kept = await redis.keys('answer:*')
    if (kept.length > 0) await redis.del(kept)
    await project({})
  })

  /** As the aggregator does it, with what is given changed. */
  async function project(changed: Partial<Dashboard>): Promise<void> {
    const projected = JSON.parse((await redis.hget(DASHBOARD, 'json'))!) as Dashboard
    const next = { ...projected, asOf: new Date().toISOString(), version: ORDERS, count: ORDERS, ...changed }
    await redis.hset(DASHBOARD, { version: next.version, json: JSON.stringify(next) })
  }
  const secondsAgo = (seconds: number) => new Date(Date.now() - 1_000 * seconds).toISOString()

  it('cache=off: PostgreSQL computes every answer', async () => {
    const it = await view({ cache: 'off' })
    const before = counts(it)
    for (let i = 0; i < 10; i++) expect((await it.dashboard()).count).toBe(ORDERS)
    for (let i = 0; i < 10; i++) expect(await it.analytics(QUERY)).toEqual(analyse(orders, QUERY))
    expect(since(it, before)).toEqual({ hits: 0, misses: 0, waits: 0, statements: 20 })
    expect(await redis.keys('answer:*')).toEqual([])
  })

  it('cache=5s: a young projection is the dashboard; analytics are computed once, for all processes, and again when they expire', async () => {
    const [a, b] = [await view({}), await view({})]
    const [beforeA, beforeB] = [counts(a), counts(b)]
    for (let i = 0; i < 10; i++) expect((await a.dashboard()).count).toBe(ORDERS)
    expect(since(a, beforeA)).toEqual({ hits: 10, misses: 0, waits: 0, statements: 0 })
    for (let i = 0; i < 5; i++) expect(await a.analytics(QUERY)).toEqual(analyse(orders, QUERY))
    for (let i = 0; i < 5; i++) expect(await b.analytics(QUERY)).toEqual(analyse(orders, QUERY))
    expect(since(a, beforeA)).toEqual({ hits: 14, misses: 1, waits: 0, statements: 1 })
    expect(since(b, beforeB)).toEqual({ hits: 5, misses: 0, waits: 0, statements: 0 })
    const other = { ...QUERY, by: 'store' as const, asked: '["a","b","store"]' }
    expect(await b.analytics(other)).toEqual(analyse(orders, other))
    const [key] = (await redis.keys('answer:analytics:*product*')) as [string]
    const ttlMs = await redis.pttl(key)
    expect(ttlMs).toBeGreaterThan(3_000)
    expect(ttlMs).toBeLessThanOrEqual(5_000)
    await redis.pexpire(key, 1)
    await sleep(20)
    await b.analytics(QUERY)
    expect(since(b, beforeB)).toMatchObject({ misses: 2, statements: 2 })
  })

  it('cache=5s: an old projection is not the dashboard; what is computed instead is kept, until there is a newer projection', async () => {
    const it = await view({})
    await project({ asOf: secondsAgo(6), revenueCents: 1 })
    const before = counts(it)
    for (let i = 0; i < 5; i++) expect((await it.dashboard()).revenueCents).not.toBe(1)
    expect(since(it, before)).toEqual({ hits: 4, misses: 1, waits: 0, statements: 1 })
    await project({ version: ORDERS + 1 })
    expect((await it.dashboard()).version).toBe(ORDERS + 1)
    expect(since(it, before)).toMatchObject({ hits: 5, statements: 1 })
  })

  it('cache=5s: a kept dashboard does not hide a version that is known to exist', async () => {
    const it = await view({})
    await project({ asOf: secondsAgo(6) })
    await it.dashboard()
    await sleep(150)
    const before = counts(it)
    await it.dashboard(ORDERS)
    expect(since(it, before)).toMatchObject({ hits: 1, misses: 0 })
    await it.dashboard(ORDERS + 1)
    expect(since(it, before)).toMatchObject({ hits: 1, misses: 1 })
  })

  describe('when an answer that takes 200 ms has expired and 50 ask for it', () => {
    /** Every query of `orders` takes a number, and its time. */
    beforeAll(async () => {
      await client.query('CREATE SEQUENCE computed')
      await client.query('ALTER TABLE orders RENAME TO orders_table')
      await client.query(`CREATE VIEW orders AS SELECT o.* FROM orders_table o, (SELECT nextval('computed'), pg_sleep(0.2) OFFSET 0) AS once`)
    })
    afterAll(async () => {
      await client.query('DROP VIEW orders')
      await client.query('ALTER TABLE orders_table RENAME TO orders')
    })
    const computed = async () => Number((await client.query<{ n: string }>(`SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS n FROM computed`)).rows[0]!.n)

    it('stampede=off: all of them compute it', async () => {
      const both = [await view({ cache: '5s' }), await view({ cache: '5s' })]
      const before = await computed()
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => both[i % 2]!.analytics(QUERY)))
      for (const it of answers) expect(it).toEqual(answers[0])
      expect((await computed()) - before).toBe(50)
    })

    it('stampede=lock: one does, in all processes', async () => {
      const before = await computed()
      const url = `${stack.url}/api/analytics?from=2021-01-01T00:00Z&to=2025-01-01T00:00Z`
      const answers = await Promise.all(Array.from({ length: 50 }, async () => (await fetch(url, { headers: { connection: 'close' } })).json()))
      expect((await computed()) - before).toBe(1)
      for (const it of answers) expect(it).toEqual(analyse(orders, QUERY))
    })

    it('stampede=lock: one does, in two processes of 25 each, and the others say that they waited', async () => {
      const both = [await view({ stampede: 'lock' }), await view({ stampede: 'lock' })]
      const [before, start] = [both.map(counts), await computed()]
      await Promise.all(Array.from({ length: 50 }, (_, i) => both[i % 2]!.analytics(QUERY)))
      expect((await computed()) - start).toBe(1)
      const [a, b] = both.map((it, i) => since(it, before[i]!)) as [ReturnType<typeof counts>, ReturnType<typeof counts>]
      expect([a.hits + b.hits, a.misses + b.misses, a.waits + b.waits]).toEqual([0, 1, 49])
      expect(await redis.keys('*:lock')).toEqual([])
    })

    it('stampede=lock: who holds the lock and dies keeps the others for 2 s at most', async () => {
      const both = [await view({ stampede: 'lock' }), await view({ stampede: 'lock' })]
      const start = await computed()
      await redis.set(`answer:analytics:${QUERY.asked}:lock`, 'of a dead process', 'PX', 2_000)
      const beganMs = performance.now()
      const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => both[i % 2]!.analytics(QUERY)))
      expect(answers[0]).toEqual(analyse(orders, QUERY))
      expect(performance.now() - beganMs).toBeGreaterThan(1_500)
      expect((await computed()) - start).toBe(1)
    })
  })

  it('a connection that is ended under a read costs nobody anything', async () => {
    const it = await view({ cache: 'off' })
    const slow = it.reader.query<{ one: number }>({ name: 'slow', text: 'SELECT 1 AS one FROM pg_sleep(0.3)' })
    const end = `SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity WHERE application_name = 'test-reader' AND query LIKE '%pg_sleep(0.3)%'`
    await until('the read is ended', async () => Number((await client.query<{ ended: string }>(end)).rows[0]!.ended) > 0)
    expect((await slow).rows).toEqual([{ one: 1 }])
    expect((await it.dashboard()).count).toBe(ORDERS)
  })

  it('reads beyond those that may wait are refused at once', async () => {
    const it = await view({ cache: 'off' })
    const all = await Promise.allSettled(Array.from({ length: 150 }, () => it.reader.query({ name: 'brief', text: 'SELECT pg_sleep(0.01)' })))
    const refused = all.filter((one) => one.status === 'rejected')
    expect(refused.length).toBeGreaterThan(30)
    expect(refused.length).toBeLessThanOrEqual(50)
    for (const one of refused) expect(String(one.reason)).toContain('100 others wait')
    expect((await it.dashboard()).count).toBe(ORDERS)
  })

  it('replica=on, and nobody there: the primary answers, and it is said how often', async () => {
    const it = await view({ replica: 'on', cache: 'off' }, { REPLICA_HOST: '127.0.0.1', REPLICA_PORT: '1' })
    const before = it.reader.fallbacks()
    for (let i = 0; i < 5; i++) expect(await it.analytics(QUERY)).toEqual(analyse(orders, QUERY))
    expect(it.reader.fallbacks() - before).toBe(5)
  })

  it.each(['kill', 'pause'] as const)('without Redis (%s) PostgreSQL answers', async (fault) => {
    const it = await view({ stampede: 'lock' })
    await (fault === 'kill' ? service('redis').kill({ hold: true }) : service('redis').pause())
    try {
      for (let i = 0; i < 3; i++) {
        expect((await it.dashboard()).count).toBe(ORDERS)
        expect(await it.analytics(QUERY)).toEqual(analyse(orders, QUERY))
        expect(await (await fetch(`${stack.url}/api/dashboard`)).json()).toMatchObject({ count: ORDERS })
      }
    } finally {
      await (fault === 'kill' ? service('redis').start() : service('redis').resume())
    }
    await until('the cache is back', async () => {
      const before = it.cache.hits()
      await it.analytics(QUERY)
      return it.cache.hits() > before
    })
  })

  it.each(['pause', 'kill'] as const)('without PostgreSQL (%s) what is kept is shown, and the rest is refused soon', async (fault) => {
    const analytics = (by: string) => fetch(`${stack.url}/api/analytics?by=${by}`, { signal: AbortSignal.timeout(8_000) })
    await until('an answer that is kept', async () => (await analytics('type')).status === 200)
    await project({ asOf: secondsAgo(600) })
    await (fault === 'kill' ? service('postgres').kill({ hold: true }) : service('postgres').pause())
    try {
      expect((await analytics('type')).status, 'kept').toBe(200)
      const beganMs = performance.now()
      const refused = await Promise.all(Array.from({ length: 20 }, () => analytics('hour')))
      const tookMs = performance.now() - beganMs
      for (const it of refused) expect([it.status, it.headers.get('retry-after')]).toEqual([503, '1'])
      expect(await refused[0]!.json()).toMatchObject({ error: expect.stringContaining('PostgreSQL') as string, retryAfterS: 1 })
      expect(tookMs, 'about a second, on a machine that has other work').toBeLessThan(6_000)
      const old = await fetch(`${stack.url}/api/dashboard`)
      expect([old.status, await old.json()]).toMatchObject([200, { count: ORDERS }])
    } finally {
      await (fault === 'kill' ? service('postgres').start() : service('postgres').resume())
    }
    await until('PostgreSQL answers again', async () => (await analytics('hour')).status === 200)
  })
})
