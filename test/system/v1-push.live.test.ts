import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createChanges } from '../../src/system/architectures/v1-postgres-cron/read/changes.ts'
import { knobs, type V1Knobs } from '../../src/system/architectures/v1-postgres-cron/knobs.ts'
import { CHANGES } from '../../src/system/architectures/v1-postgres-cron/names.ts'
import { createContext } from '../../src/system/context.ts'
import { drive, until, watch, type Watcher } from './client.ts'
import { expectedDashboard, randomOrders, withoutMoment } from './orders.ts'
import { drained, startStack, storedOrders, type Stack } from './stack.ts'

const MODES = ['pubsub', 'listen', 'poll'] as const
const SOCKETS = 16

describe.each(MODES)('push=%s, three API processes', (push) => {
  it('brings every socket of every process to what is stored, by diffs', async () => {
    await using stack = await startStack('v1', { knobs: { push, api: '3', payload: 'diff', interval: '200' } })
    const watchers = await Promise.all(Array.from({ length: SOCKETS }, () => watch(stack.url)))
    try {
      await until('a first message everywhere', () => watchers.every((it) => it.latest() !== undefined))
      await drive(`${stack.url}/api/v1`, randomOrders(300, 41, Date.now()), { inFlight: 2, pauseMs: 5 })
      const shown = await drained(stack.judge)
      await until('the end everywhere', () => watchers.every((it) => it.latest()?.count === shown.count))
      expect(withoutMoment(shown)).toEqual(expectedDashboard(await storedOrders(stack.judge)))
      for (const it of watchers) {
        expect(withoutMoment(it.latest()!)).toEqual(withoutMoment(shown))
        expect(it.violations).toEqual([])
        expect(it.kinds[0]).toBe('full')
        expect(it.kinds.slice(1)).toContain('diff')
      }
    } finally {
      for (const it of watchers) it[Symbol.dispose]()
    }
  })
})

describe.each(['hot', 'table'] as const)('counters=%s, and the next cron an hour away', (counters) => {
  it('brings every socket to what is stored, though answers are kept for 5 s', async () => {
    await using stack = await startStack('v1', { knobs: { counters, push: 'listen', api: '2', payload: 'diff', interval: '3600000' } })
    const watchers = await Promise.all(Array.from({ length: 4 }, () => watch(stack.url)))
    try {
      await drive(`${stack.url}/api/v1`, randomOrders(200, 42, Date.now()), { inFlight: 2, pauseMs: 5 })
      await until('the end everywhere, and soon', () => watchers.every((it) => it.latest()?.count === 200), 4_000)
      const expected = expectedDashboard(await storedOrders(stack.judge))
      for (const it of watchers) expect([withoutMoment(it.latest()!), it.violations]).toEqual([expected, []])
      expect(withoutMoment(await drained(stack.judge))).toEqual(expected)
    } finally {
      for (const it of watchers) it[Symbol.dispose]()
    }
  })
})

describe('dashboards go on', () => {
  const goOn = async (stack: Stack, watcher: Watcher, seed: number) => {
    const before = watcher.latest()?.count ?? 0
    const fates = await drive(`${stack.url}/api/v1`, randomOrders(40, seed, Date.now()), { inFlight: 2 })
    expect(fates.ok.size).toBe(40)
    await until('40 more on the socket', () => watcher.latest()?.count === before + 40, 15_000)
  }

  it.each(['kill', 'pause'] as const)('with push=pubsub while Redis is away (%s), and after', async (fault) => {
    await using stack = await startStack('v1', { knobs: { push: 'pubsub' } })
    const redis = stack.system.services.find((it) => it.service === 'redis')!
    using watcher = await watch(stack.url)
    await goOn(stack, watcher, 51)
    await (fault === 'kill' ? redis.kill({ hold: true }) : redis.pause())
    try {
      await goOn(stack, watcher, 52)
    } finally {
      await (fault === 'kill' ? redis.start() : redis.resume())
    }
    await goOn(stack, watcher, 53)
    expect(watcher.violations).toEqual([])
  })

  it('with push=listen when PostgreSQL is killed and comes back', async () => {
    await using stack = await startStack('v1', { knobs: { push: 'listen' } })
    const postgres = stack.system.services.find((it) => it.service === 'postgres')!
    using watcher = await watch(stack.url)
    await goOn(stack, watcher, 54)
    await postgres.kill()
    await postgres.start()
    await sleep(500)
    await goOn(stack, watcher, 55)
    expect(watcher.violations).toEqual([])
  })
})

describe('what hears of changes', () => {
  let stack: Stack
  let redis: Redis
  let client: pg.Client
  beforeAll(async () => {
    stack = await startStack('v1', { knobs: { interval: '3600000' } })
    redis = new Redis({ host: stack.system.env['REDIS_HOST']!, port: Number(stack.system.env['REDIS_PORT']), retryStrategy: () => 100 })
    redis.on('error', () => {})
    client = new pg.Client({ host: stack.system.env['POSTGRES_HOST']!, port: Number(stack.system.env['POSTGRES_PORT']), user: 'lab', password: 'lab', database: 'lab' })
    await client.connect()
  })
  afterAll(async () => {
    redis.disconnect()
    await client.end()
    await stack[Symbol.asyncDispose]()
  })

  function listenTo(push: V1Knobs['push'], version: () => Promise<number | undefined> = async () => undefined) {
    const context = createContext({ env: stack.system.env, knobs: { ...knobs.parse({}), push }, signal: new AbortController().signal })
    return createChanges(context, version)
  }
  let stored = 0
  const tell: Record<V1Knobs['push'], (version: number) => Promise<unknown>> = {
    pubsub: (version) => redis.publish(CHANGES, String(version)),
    listen: (version) => client.query(`NOTIFY ${CHANGES}, '${version}'`),
    poll: async (version) => { stored = version },
  }

  it.each(MODES)('push=%s: all that listen are told of each version, and none that has stopped', async (push) => {
    await using changes = listenTo(push, async () => stored)
    const told = [0, 0, 0]
    const listening = told.map((_, i) => changes.onChange(() => { told[i]! += 1 }))
    await until('the channel is open', async () => {
      await tell[push](5)
      return changes.told() === 5
    })
    await sleep(300)
    listening[2]![Symbol.dispose]()
    const before = [...told]
    await tell[push](6)
    await until('version 6', () => changes.told() === 6)
    expect([told[0]! > before[0]!, told[1]! > before[1]!, told[2]]).toEqual([true, true, before[2]])
    await tell[push](4)
    await sleep(400)
    expect(changes.told(), 'an older one takes nothing back').toBe(6)
  })

  it('push=listen: connects again when its connection is ended, and has everybody look', async () => {
    await using changes = listenTo('listen')
    let told = 0
    changes.onChange(() => { told += 1 })
    await until('the first look', () => told > 0)
    const { rowCount } = await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'api-listener'`)
    expect(rowCount).toBeGreaterThan(0)
    const before = told
    await until('another look', () => told > before)
    await until('version 9', async () => {
      await tell.listen(9)
      return changes.told() === 9
    })
  })

  it('push=poll: asks for the version only while somebody listens, about four times a second', async () => {
    let asked = 0
    await using changes = listenTo('poll', async () => { asked += 1; return 1 })
    await sleep(600)
    expect(asked).toBe(0)
    let told = 0
    const listening = changes.onChange(() => { told += 1 })
    await sleep(1_200)
    listening[Symbol.dispose]()
    const after = asked
    expect(asked).toBeGreaterThanOrEqual(1)
    expect(asked).toBeLessThanOrEqual(5)
    expect(told, 'of a version that stays, once').toBe(1)
    await sleep(600)
    expect(asked).toBe(after)
  })

  it('what could not be shown yet is told again, once for all who ask, and to nobody when nobody listens', async () => {
    await using changes = listenTo('poll')
    changes.again()
    let told = 0
    changes.onChange(() => { told += 1 })
    await sleep(400)
    expect(told).toBe(0)
    for (let i = 0; i < 5; i++) changes.again()
    await until('once more', () => told > 0)
    await sleep(400)
    expect(told).toBe(1)
  })
})
