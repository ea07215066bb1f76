import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createContext } from '../../src/system/context.ts'
import type { Refusal } from '../../src/system/problem.ts'
import { createRateLimit, type RateLimit } from '../../src/system/rate-limit.ts'
import { closeRedis, connectRedis } from '../../src/system/redis.ts'
import { post, until, type Answer } from './client.ts'
import { randomOrders, wire } from './orders.ts'
import { startStack, storedOrders, type Stack } from './stack.ts'

describe('a limit of 60 orders a minute', () => {
  let stack: Stack
  let redis: Redis
  const service = () => stack.system.services.find((it) => it.service === 'redis')!
  const accepted = new Set<string>()
  const refused = new Set<string>()

  beforeAll(async () => {
    stack = await startStack('v1', { knobs: { rateLimit: '60/min', api: '2' } })
    redis = new Redis({ host: stack.system.env['REDIS_HOST']!, port: Number(stack.system.env['REDIS_PORT']), retryStrategy: () => 100 })
    redis.on('error', () => {})
  })
  afterAll(async () => {
    redis.disconnect()
    await stack[Symbol.asyncDispose]()
  })
  afterEach(async () => {
    await redis.flushall()
  })

  /** Orders of one customer, one request or one batch each; what became of them is remembered. */
  async function send(customer: string, seed: number, events = 1): Promise<Answer> {
    const orders = randomOrders(events, seed, Date.now())
    const [path, body] = events === 1 ? ['order', wire(orders[0]!)] : ['orders', orders.map(wire)]
    const answer = await post(`${stack.url}/api/v1/${path}`, JSON.stringify(body), 'application/json', { 'x-customer': customer, connection: 'close' })
    for (const { id } of orders) (answer.status < 300 ? accepted : refused).add(id)
    return answer
  }

  it('lets 60 through at once, whichever process they come to, then one a second; says when; and knows each customer', async () => {
    const beganMs = performance.now()
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => send('alice', 1_000 + i)))
    const seconds = Math.ceil((performance.now() - beganMs) / 1_000)
    const ok = answers.filter((it) => it.status === 201)
    expect(ok.length).toBeGreaterThanOrEqual(60)
    expect(ok.length).toBeLessThanOrEqual(60 + seconds)
    const late = answers.filter((it) => it.status === 429)
    expect(ok.length + late.length).toBe(100)
    for (const it of late) expect([it.headers.get('retry-after'), it.body]).toEqual(['1', { error: 'more than 60 orders a minute: try again in 1 s', retryAfterS: 1 }])
    expect((await send('bob', 2_000)).status).toBe(201)
    await sleep(1_000)
    expect((await send('alice', 2_001)).status, 'as promised').toBe(201)
  })

  it('counts the events of a batch, and tells how long to wait for all of them', async () => {
    for (let i = 0; i < 3; i++) expect((await send('carol', 3_000 + i, 20)).status).toBe(201)
    const answer = await send('carol', 3_010, 20)
    expect(answer.status).toBe(429)
    expect(answer.body['retryAfterS']).toBeGreaterThanOrEqual(18)
    expect(answer.body['retryAfterS']).toBeLessThanOrEqual(20)
  })

  it('leaves nothing of what it refused', async () => {
    expect(refused.size).toBeGreaterThan(20)
    const ids = new Set((await storedOrders(stack.judge)).map((it) => it.id))
    expect([...refused].filter((id) => ids.has(id))).toEqual([])
    expect([...accepted].filter((id) => !ids.has(id))).toEqual([])
  })

  it('counts what was sent, not what was good', async () => {
    for (let i = 0; i < 61; i++) await post(`${stack.url}/api/v1/order`, '{}', 'application/json', { 'x-customer': 'dan' })
    expect((await post(`${stack.url}/api/v1/order`, '{}', 'application/json', { 'x-customer': 'dan' })).status).toBe(429)
  })

  it.each(['kill', 'pause'] as const)('opens while Redis is away (%s), and closes again', async (fault) => {
    for (let i = 0; i < 3; i++) await send('eve', 4_000 + i, 20)
    await (fault === 'kill' ? service().kill({ hold: true }) : service().pause())
    try {
      const answers = await Promise.all(Array.from({ length: 80 }, (_, i) => send('eve', 5_000 + i)))
      expect(answers.filter((it) => it.status !== 201)).toEqual([])
    } finally {
      await (fault === 'kill' ? service().start() : service().resume())
    }
    await until('the limit is back', async () => (await send('eve', 6_000, 60)).status === 429)
  })
})

describe('two processes that share an allowance', () => {
  let stack: Stack
  const redises: Redis[] = []
  beforeAll(async () => {
    stack = await startStack('v1')
    const context = createContext({ env: stack.system.env, knobs: {}, signal: new AbortController().signal })
    for (let i = 0; i < 2; i++) redises.push(connectRedis(context, `test-${i}`))
    await until('connections', () => redises.every((it) => it.status === 'ready'))
  })
  afterAll(async () => {
    await Promise.all(redises.map(closeRedis))
    await stack[Symbol.asyncDispose]()
  })
  const from = (customer: string) => ({ headers: { 'x-customer': customer }, socket: {} }) as unknown as IncomingMessage
  const admitted = (limit: RateLimit, customer: string, events: number) => limit.admit(from(customer), events).then(() => 0, (error: Refusal) => error.body.retryAfterS ?? NaN)

  it('give out exactly what it holds', async () => {
    const [a, b] = redises.map((it) => createRateLimit(it, 1)) as [RateLimit, RateLimit]
    const waits = await Promise.all(Array.from({ length: 20 }, (_, i) => admitted(i % 2 === 0 ? a : b, 'one', 1)))
    expect(waits.filter((it) => it === 0)).toHaveLength(1)
    expect(Math.max(...waits)).toBe(60)
    expect([a.limited() + b.limited(), a.open() + b.open()]).toEqual([19, 0])
  })

  it('let a batch through that is larger than the allowance when that is full, and have it paid for', async () => {
    const limit = createRateLimit(redises[0]!, 600)
    expect(await admitted(limit, 'large', 1_000)).toBe(0)
    // 400 events of debt and one more, at 10 a second.
    expect(await admitted(limit, 'large', 1)).toBeGreaterThanOrEqual(39)
    expect(await admitted(limit, 'touched', 1)).toBe(0)
    expect(await admitted(limit, 'touched', 1_000)).toBe(1)
  })

  it('forget a customer once the allowance is full again', async () => {
    const limit = createRateLimit(redises[0]!, 600)
    await admitted(limit, 'brief', 3)
    const ttlMs = await redises[0]!.pttl('limit:customer:brief')
    expect(ttlMs).toBeGreaterThan(0)
    expect(ttlMs).toBeLessThanOrEqual(300)
  })
})
