import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { howItDied } from '../../src/reports/deaths.ts'
import { CHANGES, DASHBOARD } from '../../src/system/architectures/v1-postgres-cron/names.ts'
import { drive, post, until, watch } from './client.ts'
import { expectedDashboard, randomOrders, wire, withoutMoment } from './orders.ts'
import { drained, startStack, storedOrders, type Stack } from './stack.ts'

async function expectExact(stack: Stack, ok: ReadonlySet<string>): Promise<void> {
  const shown = await drained(stack.judge)
  const stored = await storedOrders(stack.judge)
  const ids = new Set(stored.map((it) => it.id))
  expect(ids.size).toBe(stored.length)
  expect([...ok].filter((id) => !ids.has(id))).toEqual([])
  expect(withoutMoment(shown)).toEqual(expectedDashboard(stored))
}

const exits = (stack: Stack, service: string) => stack.events.flatMap((it) => (it.type === 'service-exited' && it.service === service && !it.expected ? [it] : []))
const service = (stack: Stack, name: string) => stack.system.services.find((it) => it.service === name)!
const send = async (stack: Stack, count: number, seed: number) => {
  expect((await post(`${stack.url}/api/v1/orders`, JSON.stringify(randomOrders(count, seed, Date.now()).map(wire)))).status).toBe(201)
}

async function postgres(stack: Stack): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ host: stack.system.env['POSTGRES_HOST']!, port: Number(stack.system.env['POSTGRES_PORT']), user: 'lab', password: 'lab', database: 'lab' })
  client.on('error', () => {})
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

function redisOf(stack: Stack): Redis & Disposable {
  const redis = new Redis({ host: stack.system.env['REDIS_HOST']!, port: Number(stack.system.env['REDIS_PORT']), retryStrategy: () => 100 })
  redis.on('error', () => {})
  return Object.assign(redis, { [Symbol.dispose]: () => redis.disconnect() })
}

/** `group-by` at each failpoint is tried with everything else that v1 promises. */
describe.each(['incremental', 'full-scan', 'materialized-view'])('v1 with aggregator=%s, its aggregator killed', (aggregator) => {
  it.each(['before-commit', 'after-commit', 'after-projection'])('%s: counts everything once', async (point) => {
    const armed = (folder: string) => ({ LAB_FAILPOINT: `aggregator:${point}@3`, LAB_FAILPOINT_ONCE: join(folder, 'fired') })
    await using stack = await startStack('v1', { knobs: { aggregator, interval: '100' }, env: armed })
    const fates = await drive(`${stack.url}/api/v1`, randomOrders(400, 21, Date.now()), { inFlight: 8, pauseMs: 5 })
    expect(fates.ok.size).toBe(400)
    await until('it was killed there', () => exits(stack, 'aggregator').length > 0)
    await expectExact(stack, fates.ok)
    expect(exits(stack, 'aggregator').map((it) => it.signal)).toEqual(['SIGKILL'])
  })
})

describe('the aggregator of v1', () => {
  it('is exact with two of them under load, one of which is killed', async () => {
    await using stack = await startStack('v1', { knobs: { aggregator: 'incremental', aggregators: '2', interval: '100', partition: 'range' } })
    const driving = drive(`${stack.url}/api/v1`, randomOrders(1_500, 22, Date.now()), { inFlight: 8, pauseMs: 5 })
    await sleep(300)
    await service(stack, 'aggregator').kill()
    const fates = await driving
    expect(fates.ok.size).toBe(1_500)
    await expectExact(stack, fates.ok)
  })

  it('goes on without Redis, and shows everything again once it is back and empty', async () => {
    await using stack = await startStack('v1', { knobs: { interval: '100' } })
    await using client = await postgres(stack)
    await send(stack, 50, 23)
    await drained(stack.judge)
    for (const away of ['kill', 'pause'] as const) {
      await service(stack, 'redis')[away]()
      const before = (await stack.judge.stored())
      await send(stack, 50, before)
      await until('the totals have them', async () => (await client.query("SELECT FROM totals WHERE dimension = 'all' AND count = $1", [before + 50])).rowCount === 1)
      await (away === 'kill' ? service(stack, 'redis').start() : service(stack, 'redis').resume())
    }
    using redis = redisOf(stack)
    await until('the projection has them', async () => (await redis.hget(DASHBOARD, 'version').catch(() => null)) === '150')
    await redis.flushall()
    await until('the projection is there again', async () => (await redis.hget(DASHBOARD, 'version')) === '150')
  })

  it('logs an outage of PostgreSQL once, and its end', async () => {
    await using stack = await startStack('v1', { knobs: { interval: '100' } })
    const lines = (text: string) => stack.events.filter((it) => it.type === 'log' && it.service === 'aggregator' && it.line.includes(text)).length
    await service(stack, 'postgres').kill()
    await sleep(1_000)
    await service(stack, 'postgres').start()
    const fates = await drive(`${stack.url}/api/v1`, randomOrders(20, 24, Date.now()), { attempts: 50 })
    await expectExact(stack, fates.ok)
    await until('it says so', () => lines('aggregation works again') === 1)
    expect(lines('aggregation failed')).toBe(1)
  })

  it('tells of what changed by NOTIFY with push=listen, and of nothing else', async () => {
    await using stack = await startStack('v1', { knobs: { push: 'listen', interval: '100' } })
    await using client = await postgres(stack)
    using redis = redisOf(stack)
    const [told, published] = [[] as string[], [] as string[]]
    client.on('notification', ({ payload }) => told.push(payload ?? ''))
    await client.query(`LISTEN ${CHANGES}`)
    redis.on('message', (_channel, message) => published.push(message))
    await redis.subscribe(CHANGES)
    await send(stack, 30, 25)
    await until('told of 30', () => told.includes('30'))
    await sleep(500)
    // The very first may still tell of the empty table.
    expect(told.filter((it) => it !== '0')).toEqual(['30'])
    expect(published).toEqual([])
  })

  it('dies of a history that does not fit its heap, says so, and is exact again when it fits', async () => {
    await using stack = await startStack('v1', { knobs: { aggregator: 'full-scan', heap: '64', interval: '200' } })
    await using client = await postgres(stack)
    await client.query(`INSERT INTO orders (id, timestamp_ms, amount_cents, type, store, product)
      SELECT gen_random_uuid(), 1600000000000 + i, i % 1000, 0, i % 50, i % 20 FROM generate_series(1, 300000) AS i`)
    await until('it dies', () => exits(stack, 'aggregator').length > 0, 60_000)
    const [death] = exits(stack, 'aggregator')
    expect(howItDied(death!)).toBe('SIGABRT, out of memory')
    expect(death!.willRestart).toBe(true)
    await client.query('DELETE FROM orders WHERE amount_cents <> 7')
    const shown = await drained(stack.judge, 60_000)
    expect(shown).toMatchObject({ count: 300, revenueCents: 2_100 })
  })

  it('measures its runs', async () => {
    await using stack = await startStack('v1', { knobs: { interval: '100' } })
    await send(stack, 40, 26)
    await drained(stack.judge)
    const ready = stack.events.flatMap((it) => (it.type === 'log' && it.service === 'aggregator' ? [/metrics on port (\d+)/.exec(it.line)?.[1]] : [])).find((it) => it !== undefined)
    const text = await (await fetch(`http://127.0.0.1:${ready}/metrics`)).text()
    const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
    expect(value('lab_aggregation_rows')).toBe(40)
    expect(value('lab_aggregation_runs_total')).toBeGreaterThan(0)
    expect(value('lab_aggregation_failures_total')).toBe(0)
    expect(value('lab_aggregation_seconds')).toBeGreaterThan(0)
    expect(value('lab_aggregation_max_seconds')).toBeGreaterThanOrEqual(value('lab_aggregation_seconds'))
    expect(value('lab_aggregation_rss_bytes')).toBeGreaterThan(2 ** 20)
  })
})

describe('counters of v1', () => {
  const noCron = { interval: '3600000' }

  it.each([
    { counters: 'hot' },
    { counters: 'hot', push: 'listen', write: 'buffer' },
    { counters: 'table' },
    { counters: 'table', push: 'listen', batch: '20', partition: 'range' },
    { counters: 'table', push: 'poll' },
  ] as Record<string, string>[])('%j shows everything without the cron, and tells', async (knobs) => {
    await using stack = await startStack('v1', { knobs: { ...noCron, api: '2', ...knobs } })
    using watcher = await watch(stack.url)
    const orders = randomOrders(300, 27, Date.now())
    const fates = await drive(`${stack.url}/api/v1`, [...orders, ...orders.slice(0, 100)], { inFlight: 8 })
    expect(fates.ok.size).toBe(300)
    await expectExact(stack, fates.ok)
    await until('the socket shows them', () => watcher.latest()?.count === 300)
    expect(withoutMoment(watcher.latest()!)).toEqual(expectedDashboard(orders))
    expect(watcher.violations).toEqual([])
  })

  it.each(['before-raise', 'after-raise'])('hot: never shows more than is stored, the API killed %s', async (point) => {
    const armed = (folder: string) => ({ LAB_FAILPOINT: `api:${point}@5`, LAB_FAILPOINT_ONCE: join(folder, 'fired') })
    await using stack = await startStack('v1', { knobs: { counters: 'hot', interval: '1000' }, env: armed })
    let driving = true
    const looking = (async () => {
      let before = 0
      while (driving) {
        const shown = await stack.judge.dashboard()
        expect(shown.count).toBeGreaterThanOrEqual(before)
        expect(await stack.judge.stored()).toBeGreaterThanOrEqual(shown.count)
        before = shown.count
      }
    })()
    const fates = await drive(`${stack.url}/api/v1`, randomOrders(600, 28, Date.now()), { inFlight: 8, attempts: 50, pauseMs: 3 })
    driving = false
    await looking
    expect(fates.ok.size).toBe(600)
    expect(exits(stack, 'api').map((it) => it.signal)).toEqual(['SIGKILL'])
    await expectExact(stack, fates.ok)
  })

  it('hot: catches up by the cron after Redis was away', async () => {
    await using stack = await startStack('v1', { knobs: { counters: 'hot', interval: '200' } })
    const driving = drive(`${stack.url}/api/v1`, randomOrders(600, 29, Date.now()), { inFlight: 4, pauseMs: 5 })
    await sleep(200)
    await service(stack, 'redis').kill()
    await sleep(300)
    await service(stack, 'redis').start()
    const fates = await driving
    expect(fates.ok.size).toBe(600)
    await expectExact(stack, fates.ok)
  })
})
