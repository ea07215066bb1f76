import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBuffer, createBufferList } from '../../src/system/architectures/v1-postgres-cron/write/buffer.ts'
import { startBufferWorker } from '../../src/system/architectures/v1-postgres-cron/write/buffer-worker.ts'
import type { V1Knobs } from '../../src/system/architectures/v1-postgres-cron/knobs.ts'
import { BUFFER, BUFFER_DEAD } from '../../src/system/architectures/v1-postgres-cron/names.ts'
import { ensurePartitions, partitionOf } from '../../src/system/architectures/v1-postgres-cron/write/partitions.ts'
import { createSchema } from '../../src/system/architectures/v1-postgres-cron/setup.ts'
import { createContext, type Context } from '../../src/system/context.ts'
import { dashboardFromTotals, type TotalsRow } from '../../src/system/postgres/totals.ts'
import { encodeOrders } from '../../src/system/record.ts'
import type { Order } from '../../src/system/event.ts'
import { drive, post, until } from './client.ts'
import { expectedDashboard, randomOrders, wire, withoutMoment } from './orders.ts'
import { drained, startStack, storedOrders, type Stack } from './stack.ts'

const DAY_MS = 86_400_000

/** A stack of v1, and a client of its PostgreSQL. */
async function start(knobs: Record<string, string>): Promise<Stack & { client: pg.Client; base: string; context: Context<V1Knobs> }> {
  const stack = await startStack('v1', { knobs })
  const { env } = stack.system
  const client = new pg.Client({ host: env['POSTGRES_HOST']!, port: Number(env['POSTGRES_PORT']), user: 'lab', password: 'lab', database: 'lab' })
  client.on('error', () => {})
  await client.connect()
  const context = createContext({ env, knobs: stack.knobs as V1Knobs, signal: new AbortController().signal })
  return {
    ...stack, client, context, base: `${stack.url}/api/v1`,
    async [Symbol.asyncDispose]() {
      await client.end().catch(() => {})
      await stack[Symbol.asyncDispose]()
    },
  }
}

const send = async (base: string, order: Order) => await post(`${base}/order`, JSON.stringify(wire(order)))
const sendAll = async (base: string, orders: readonly Order[]) => await post(`${base}/orders`, JSON.stringify(orders.map(wire)))
const metric = async (url: string, name: string) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(await (await fetch(`${url}/metrics`)).text())?.[1])

/** Refuses one id for its content. */
const refuse = (client: pg.Client, id: string) => client.query(`
  CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one' USING ERRCODE = '23514'; END $$;
  CREATE TRIGGER refusal BEFORE INSERT ON orders FOR EACH ROW WHEN (NEW.id = '${id}') EXECUTE FUNCTION refuse();`)

/** Holds every INSERT back until it is disposed. */
async function holdBack(client: pg.Client): Promise<AsyncDisposable> {
  await client.query('BEGIN')
  await client.query('LOCK TABLE orders IN SHARE MODE')
  return { [Symbol.asyncDispose]: async () => void (await client.query('COMMIT')) }
}

describe('the pool', () => {
  let v1: Awaited<ReturnType<typeof start>>
  beforeAll(async () => {
    v1 = await start({ pool: '2', poolWait: '300' })
  })
  afterAll(() => v1[Symbol.asyncDispose]())

  it('has so many connections, and refuses who would wait longer than poolWait', async () => {
    const orders = randomOrders(6, 1, Date.now())
    let answers: Promise<Awaited<ReturnType<typeof post>>[]>
    {
      await using _held = await holdBack(v1.client)
      answers = Promise.all(orders.map((it) => send(v1.base, it)))
      await until('four are refused', async () => (await metric(v1.url, 'lab_pool_refused_total')) === 4, 900)
      expect(await metric(v1.url, 'lab_pool_in_use')).toBe(2)
    }
    const statuses = (await answers).map((it) => it.status)
    expect(statuses.toSorted()).toEqual([201, 201, 503, 503, 503, 503])
    const refused = (await answers).find((it) => it.status === 503)!
    expect([refused.headers.get('retry-after'), refused.body['error']]).toEqual(['1', expect.stringContaining('none became free within 300 ms')])
    const { rows } = await v1.client.query<{ n: number }>("SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'api-writer'")
    expect(rows[0]!.n).toBe(2)
    expect((await storedOrders(v1.judge)).length).toBe(2)
  })

  it('gives a statement up after 4 s as unknown, refuses meanwhile, and is well again on other connections', async () => {
    const [first, second, third] = randomOrders(3, 2, Date.now()) as [Order, Order, Order]
    const writers = async () => (await v1.client.query<{ pid: number }>("SELECT pid FROM pg_stat_activity WHERE application_name = 'api-writer' ORDER BY pid")).rows.map((it) => it.pid)
    const before = await writers()
    {
      await using _held = await holdBack(v1.client)
      const sentMs = performance.now()
      const hanging = send(v1.base, first)
      await until('it is not ready', async () => (await fetch(`${v1.url}/readyz`)).status === 503, 3_000)
      const refused = await send(v1.base, second)
      expect([refused.status, refused.body['error']]).toEqual([503, expect.stringContaining('does not answer')])
      expect((await hanging).status).toBe(504)
      expect(performance.now() - sentMs).toBeGreaterThan(3_900)
      // The server ends it too: nothing of ours is left to be committed later.
      await until('the statement is gone', async () => {
        // A transaction sees the sessions as they were when it first looked.
        await v1.client.query('SELECT pg_stat_clear_snapshot()')
        return (await v1.client.query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'api-writer' AND state = 'active'")).rowCount === 0
      })
    }
    await until('it is ready', async () => (await fetch(`${v1.url}/readyz`)).status === 200)
    expect((await send(v1.base, third)).status).toBe(201)
    expect((await writers()).filter((it) => before.includes(it)).length).toBeLessThan(2)
    const ids = (await storedOrders(v1.judge)).map((it) => it.id)
    expect([ids.includes(first.id), ids.includes(second.id), ids.includes(third.id)]).toEqual([false, false, true])
  })

  it('answers a refusal of the content with 422', async () => {
    const [order] = randomOrders(1, 3, Date.now()) as [Order]
    await refuse(v1.client, order.id)
    expect(await send(v1.base, order)).toMatchObject({ status: 422, body: { error: expect.stringContaining('not this one') as string } })
  })
})

describe('grouped commits', () => {
  let v1: Awaited<ReturnType<typeof start>>
  beforeAll(async () => {
    v1 = await start({ batch: '20', pool: '1', syncCommit: 'off', indexes: '3' })
  })
  afterAll(() => v1[Symbol.asyncDispose]())

  const transactions = async (orders: readonly Order[]) => {
    const { rows } = await v1.client.query<{ n: number }>('SELECT count(*)::int AS n FROM orders WHERE id = ANY ($1) GROUP BY xid ORDER BY n', [orders.map((it) => it.id)])
    return rows.map((it) => it.n)
  }

  it('store what waits together, at most so many at once; what came together stays together', async () => {
    const orders = randomOrders(46, 11, Date.now())
    const many = randomOrders(30, 12, Date.now())
    const statuses: Promise<number>[] = []
    {
      await using _held = await holdBack(v1.client)
      statuses.push(send(v1.base, orders[0]!).then((it) => it.status))
      await until('one is under way', async () => (await metric(v1.url, 'lab_pool_in_use')) === 1)
      statuses.push(...orders.slice(1).map((it) => send(v1.base, it).then(({ status }) => status)))
      await until('the others wait', async () => (await metric(v1.url, 'lab_pool_waiting')) === 45, 900)
    }
    expect(new Set(await Promise.all(statuses))).toEqual(new Set([201]))
    expect(await transactions(orders)).toEqual([1, 5, 20, 20])
    expect((await sendAll(v1.base, many)).status).toBe(201)
    expect(await transactions(many)).toEqual([30])
  })

  it('fail for the one whose content is refused, and for no other', async () => {
    const orders = randomOrders(9, 13, Date.now())
    await refuse(v1.client, orders[4]!.id)
    let answers: Promise<number[]>
    {
      await using _held = await holdBack(v1.client)
      const status = (order: Order) => send(v1.base, order).then((it) => it.status)
      const first = status(orders[0]!)
      await until('one is under way', async () => (await metric(v1.url, 'lab_pool_in_use')) === 1)
      answers = Promise.all([first, ...orders.slice(1).map(status)])
      await until('eight wait', async () => (await metric(v1.url, 'lab_pool_waiting')) === 8, 900)
    }
    expect(await answers).toEqual(orders.map((_, i) => (i === 4 ? 422 : 201)))
    expect((await transactions(orders)).reduce((sum, n) => sum + n, 0)).toBe(8)
  })

  it('are made as syncCommit says, by sessions whose statements end after 5 s', async () => {
    await v1.client.query(`
      CREATE TABLE seen (sync text, timeout text);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit'), current_setting('statement_timeout')); RETURN NEW; END $$;
      CREATE TRIGGER noting BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION note();`)
    expect((await send(v1.base, randomOrders(1, 14, Date.now())[0]!)).status).toBe(201)
    expect((await v1.client.query('SELECT * FROM seen')).rows).toEqual([{ sync: 'off', timeout: '5s' }])
  })

  it('leave indexes to the knob, whoever sets up again', async () => {
    const indexes = async () => (await v1.client.query<{ indexname: string }>("SELECT indexname FROM pg_indexes WHERE tablename = 'orders' ORDER BY 1")).rows.map((it) => it.indexname)
    expect(await indexes()).toEqual(['orders_persisted', 'orders_pkey', 'orders_product', 'orders_timestamp', 'orders_timestamp_product_store'])
    const wanting = (count: number) => createSchema({ ...v1.context, knobs: { ...v1.context.knobs, indexes: count } })
    await Promise.all([wanting(1), wanting(1)])
    expect(await indexes()).toEqual(['orders_persisted', 'orders_pkey', 'orders_timestamp'])
    await expect(createSchema({ ...v1.context, knobs: { ...v1.context.knobs, partition: 'range' } })).rejects.toThrow('orders is one table already, and LAB_PARTITION is range')
  })
})

describe('partitions, counted in a table', () => {
  let v1: Awaited<ReturnType<typeof start>>
  beforeAll(async () => {
    v1 = await start({ partition: 'range', counters: 'table', batch: '30', pool: '4' })
  })
  afterAll(() => v1[Symbol.asyncDispose]())

  const tableOf = async (order: Order) => (await v1.client.query<{ name: string }>('SELECT tableoid::regclass::text AS name FROM orders WHERE id = $1', [order.id])).rows.map((it) => it.name)
  const counted = async () => {
    const { rows } = await v1.client.query<TotalsRow>('SELECT dimension, key, count::float8 AS count, revenue_cents::float8 AS revenue_cents FROM event_counts')
    return withoutMoment(dashboardFromTotals(rows, Date.now()))
  }

  it('hold the orders of a day each, and an id once across them', async () => {
    const nowMs = Date.now()
    const [recent, old] = randomOrders(2, 21, nowMs) as [Order, Order]
    const today = { ...recent, timestampMs: nowMs }
    const ancient = { ...old, timestampMs: Date.UTC(2020, 0, 1) }
    for (const order of [today, ancient]) expect((await send(v1.base, order)).status).toBe(201)
    expect([await tableOf(today), await tableOf(ancient)]).toEqual([[partitionOf(nowMs)], ['orders_default']])
    for (const daysAgo of [1, 2, 400]) expect((await send(v1.base, { ...today, timestampMs: nowMs - daysAgo * DAY_MS })).status).toBe(201)
    expect(await tableOf(today)).toEqual([partitionOf(nowMs)])
    const { rows } = await v1.client.query("SELECT to_regclass($1) IS NOT NULL AS ahead, to_regclass($2) IS NOT NULL AS behind", [partitionOf(nowMs + 3 * DAY_MS), partitionOf(nowMs - 31 * DAY_MS)])
    expect(rows).toEqual([{ ahead: true, behind: true }])
  })

  it('are made while orders of their day are written, by several at once, and lose none', async () => {
    const day = Date.now() - 100 * DAY_MS
    const orders = randomOrders(2_000, 22, Date.now()).map((it) => ({ ...it, timestampMs: day }))
    const driving = drive(v1.base, orders, { inFlight: 16 })
    await until('some are in the default partition', async () => (await v1.client.query('SELECT 1 FROM orders_default LIMIT 200')).rowCount === 200)
    const other = new pg.Client({ ...v1.context.address('postgres'), user: 'lab', password: 'lab', database: 'lab' })
    await other.connect()
    await Promise.all([v1.client, other].map(async (client) => {
      for (let attempt = 0; attempt < 10; attempt++) {
        if (await ensurePartitions(client, day).then(() => true, () => false)) return
        await sleep(50)
      }
      throw new Error('it was never made')
    }))
    await other.end()
    const fates = await driving
    expect([fates.ok.size, fates.rejected.size, fates.unknown.size]).toEqual([2_000, 0, 0])
    const { rows } = await v1.client.query<{ name: string; n: number }>('SELECT tableoid::regclass::text AS name, count(*)::int AS n FROM orders WHERE timestamp_ms = $1 GROUP BY 1', [day])
    expect(rows).toEqual([{ name: partitionOf(day), n: 2_000 }])
  })

  it('and counters say what is stored, whatever is sent twice, alone, in batches or at once (property)', async () => {
    const request = fc.array(fc.nat(39), { minLength: 1, maxLength: 25 })
    await fc.assert(fc.asyncProperty(fc.integer(), fc.array(request, { minLength: 1, maxLength: 30 }), async (seed, requests) => {
      const pool = randomOrders(40, seed, Date.now())
      const answers = await Promise.all(requests.map((picks) => (picks.length === 1 ? send(v1.base, pool[picks[0]!]!) : sendAll(v1.base, picks.map((pick) => pool[pick]!)))))
      expect(new Set(answers.map((it) => it.status))).toEqual(new Set([201]))
      const ids = new Set(requests.flat().map((pick) => pool[pick]!.id))
      const { rows } = await v1.client.query<{ n: number }>('SELECT count(*)::int AS n FROM orders WHERE id = ANY ($1)', [[...ids]])
      expect(rows[0]!.n).toBe(ids.size)
    }), { numRuns: 12 })
    const stored = await storedOrders(v1.judge)
    expect(new Set(stored.map((it) => it.id)).size).toBe(stored.length)
    expect(await counted()).toEqual(expectedDashboard(stored))
    expect(await v1.judge.stored()).toBe(stored.length)
    expect((await v1.client.query('SELECT 1 FROM order_ids')).rowCount).toBe(stored.length)
  })
})

describe('the buffer', () => {
  let v1: Awaited<ReturnType<typeof start>>
  let redis: Redis
  const worker = () => v1.system.services.find((it) => it.service === 'buffer')!
  beforeAll(async () => {
    v1 = await start({ write: 'buffer' })
    redis = new Redis({ host: v1.system.env['REDIS_HOST']!, port: Number(v1.system.env['REDIS_PORT']) })
  })
  afterAll(async () => {
    redis.disconnect()
    await v1[Symbol.asyncDispose]()
  })

  it('takes orders while nobody stores them, says how many, and has a limit that is never passed', async () => {
    await worker().stop()
    const orders = randomOrders(100, 31, Date.now())
    expect((await sendAll(v1.base, orders.slice(0, 90))).status).toBe(202)
    expect(await v1.judge.backlog()).toBe(90)
    await using small = createBuffer(v1.context, 100)
    await until('it is there', () => small.ready().ok)
    await expect(small.publish(randomOrders(11, 32, Date.now()))).rejects.toMatchObject({ name: 'Unavailable', retryAfterS: 2 })
    await sleep(60)
    await small.publish(orders.slice(90))
    expect(await v1.judge.backlog()).toBe(100)
    await worker().start()
    expect((await drained(v1.judge)).count).toBe(100)
    expect(await redis.exists(BUFFER)).toBe(0)
  })

  it('loses nothing and stores nothing twice when two drain it', async () => {
    const stop = new AbortController()
    const logged: string[] = []
    const before = (await storedOrders(v1.judge)).length
    {
      const context = { ...v1.context, signal: stop.signal, log: (line: string) => void logged.push(line) }
      await using _second = await startBufferWorker(context)
      const fates = await drive(v1.base, randomOrders(6_000, 33, Date.now()), { batch: 20, inFlight: 8 })
      expect(fates.ok.size).toBe(6_000)
      await drained(v1.judge)
      stop.abort()
    }
    const stored = await storedOrders(v1.judge)
    expect([stored.length, new Set(stored.map((it) => it.id)).size]).toEqual([before + 6_000, before + 6_000])
  })

  it('lets nobody take off what he has not read', async () => {
    await worker().stop()
    const list = createBufferList(redis)
    await list.append(encodeOrders(randomOrders(10, 34, Date.now())), 1_000)
    const [mine, theirs] = [await list.peek(4), await list.peek(4)]
    expect([await list.trim(mine), await list.trim(theirs), await list.length()]).toEqual([true, false, 6])
    await redis.del(BUFFER)
    await worker().start()
  })

  it('puts aside what can never be stored, and stores its neighbours', async () => {
    await worker().stop()
    const orders = randomOrders(7, 35, Date.now())
    await refuse(v1.client, orders[3]!.id)
    await redis.rpush(BUFFER, 'nonsense')
    expect((await sendAll(v1.base, orders)).status).toBe(202)
    await worker().start()
    await drained(v1.judge)
    const ids = new Set((await storedOrders(v1.judge)).map((it) => it.id))
    expect(orders.map((it) => ids.has(it.id))).toEqual([true, true, true, false, true, true, true])
    const dead = await redis.lrangeBuffer(BUFFER_DEAD, 0, -1)
    expect(dead.map((it) => it.toString('hex')).toSorted()).toEqual([Buffer.from('nonsense').toString('hex'), encodeOrders([orders[3]!]).toString('hex')].toSorted())
  })
})

describe('without PostgreSQL', () => {
  it('orders are refused within a second; after 5 of them the breaker tells how long to stay away', async () => {
    await using v1 = await start({ breaker: 'on' })
    const orders = randomOrders(10, 41, Date.now())
    expect((await send(v1.base, orders[0]!)).status).toBe(201)
    expect((await send(v1.base, orders[0]!)).status).toBe(201)
    expect(await metric(v1.url, 'lab_breaker_open')).toBe(0)
    await v1.system.services.find((it) => it.service === 'postgres')!.kill()
    await until('it is found away', async () => (await fetch(`${v1.url}/readyz`)).status === 503)
    for (const order of orders.slice(1, 6)) {
      const sentMs = performance.now()
      const answer = await send(v1.base, order)
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
      expect(performance.now() - sentMs).toBeLessThan(1_000)
    }
    const refused = await send(v1.base, orders[6]!)
    expect([refused.status, refused.body['error']]).toEqual([503, expect.stringContaining('breaker is open')])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(25)
    expect(await metric(v1.url, 'lab_breaker_open')).toBe(1)
    await v1.system.services.find((it) => it.service === 'postgres')!.start()
    expect((await send(v1.base, orders[7]!)).status, 'still open, though it is back').toBe(503)
    expect(await (await fetch(`${v1.url}/readyz`)).json()).toMatchObject({ error: expect.stringContaining('breaker is open for another') as string })
  })
})

describe('the count of what is stored', () => {
  it('is exact, also of what a long transaction adds late, and looks only at what is new', async () => {
    await using v1 = await start({})
    const insert = (count: number) => v1.client.query('INSERT INTO orders (id, timestamp_ms, amount_cents, type, store, product) SELECT gen_random_uuid(), 1.7e12, 100, 0, 0, 0 FROM generate_series(1, $1)', [count])
    await v1.system.services.find((it) => it.service === 'aggregator')!.stop()
    await insert(100_000)
    expect(await v1.judge.stored()).toBe(100_000)
    const writer = new pg.Client({ ...v1.context.address('postgres'), user: 'lab', password: 'lab', database: 'lab' })
    await writer.connect()
    await writer.query('BEGIN')
    await writer.query('INSERT INTO orders (id, timestamp_ms, amount_cents, type, store, product) VALUES (gen_random_uuid(), 1, 1, 0, 0, 0)')
    // Longer than the moment behind which rows are final is behind the clock.
    for (let second = 1; second <= 7; second++) {
      await insert(10)
      expect(await v1.judge.stored()).toBe(100_000 + 10 * second)
      await sleep(1_000)
    }
    await writer.query('COMMIT')
    await writer.end()
    expect(await v1.judge.stored()).toBe(100_071)
    await sleep(5_500)
    expect(await v1.judge.stored()).toBe(100_071)
    const read = async () => (await v1.client.query<{ n: number }>("SELECT sum(heap_blks_read + heap_blks_hit)::int AS n FROM pg_statio_user_tables WHERE relname = 'orders'")).rows[0]!.n
    await sleep(1_100)
    const before = await read()
    for (let i = 0; i < 5; i++) expect(await v1.judge.stored()).toBe(100_071)
    await sleep(1_500)
    // All of it is some 1,300 blocks.
    expect((await read()) - before).toBeLessThan(5 * 200)
  })
})
