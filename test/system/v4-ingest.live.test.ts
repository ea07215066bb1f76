import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Caller } from '../../src/system/architecture.ts'
import { declareQueues, shardOf } from '../../src/system/architectures/v4-rabbitmq-tenants/ingest/queues.ts'
import { BROKER_ACCOUNT, shardQueue } from '../../src/system/architectures/v4-rabbitmq-tenants/names.ts'
import { createContext } from '../../src/system/context.ts'
import type { Order } from '../../src/system/event.ts'
import { post, until, type Answer } from './client.ts'
import { randomOrders, wire } from './orders.ts'
import { drained, startStack, storedOrders, type Stack } from './stack.ts'

const LIMIT = 50
const SHARDS = 2

describe('the way in of v4', () => {
  let stack: Stack
  let callers: Caller[]
  const service = (name: string) => stack.system.services.find((it) => it.service === name)!
  const contextWith = (knobs: Record<string, unknown>) => createContext({ env: stack.system.env, knobs: knobs as never, signal: new AbortController().signal })
  const ingest = (body: unknown, headers: Record<string, string> = {}, caller = callers[0]!) =>
    post(`${stack.url}/v1/ingest`, JSON.stringify(body), 'application/json', { ...caller.headers, ...headers })
  const ready = async () => (await fetch(`${stack.url}/readyz`)).status
  const stored = async () => new Map((await storedOrders(stack.judge)).map((it) => [it.id, it]))

  beforeAll(async () => {
    stack = await startStack('v4', { knobs: { queueLimit: String(LIMIT), shards: String(SHARDS), rateLimit: '6000/min', workspaces: '5', prefetch: '1' } })
    callers = await stack.architecture.callers!(contextWith(stack.knobs))
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  it('takes one event or many at /v1/ingest, as at the order endpoints', async () => {
    const [lone, ...rest] = randomOrders(5, 41, Date.now()) as [Order, ...Order[]]
    expect(await ingest(wire(lone))).toMatchObject({ status: 202, body: { id: lone.id } })
    expect(await ingest(rest.slice(0, 2).map(wire))).toMatchObject({ status: 202, body: { count: 2, ids: rest.slice(0, 2).map((it) => it.id) } })
    const lines = rest.slice(2).map((it) => JSON.stringify(wire(it))).join('\n')
    expect((await post(`${stack.url}/v1/ingest`, lines, 'application/x-ndjson', callers[0]!.headers)).body).toEqual({ count: 2, ids: rest.slice(2).map((it) => it.id) })
    expect(await ingest([wire(lone), { ...wire(lone), store: 'nowhere' }])).toMatchObject({ status: 400, body: { index: 1, field: 'store' } })
    expect((await post(`${stack.url}/v1/ingest`, JSON.stringify(wire(lone)))).status).toBe(401)
    expect((await ingest(wire(lone), { 'content-encoding': 'gzip' })).status).toBe(415)
    await drained(stack.judge)
    const rows = await stored()
    expect([lone, ...rest].map((it) => rows.get(it.id)?.owner)).toEqual(Array(5).fill(callers[0]!.owner))
  })

  it('takes an Idempotency-Key with a single event, and with no other', async () => {
    const [a, b] = randomOrders(2, 42, Date.now()) as [Order, Order]
    for (let i = 0; i < 3; i++) expect((await ingest(wire(a), { 'Idempotency-Key': 'order-1' })).status).toBe(202)
    expect((await ingest([wire(b)], { 'Idempotency-Key': 'order-1' }, callers[1])).status).toBe(202)
    for (const key of ['a b', 'x'.repeat(256)]) expect(await ingest(wire(b), { 'Idempotency-Key': key })).toMatchObject({ status: 400, body: { field: 'Idempotency-Key' } })
    expect(await ingest([a, b].map(wire), { 'Idempotency-Key': 'order-2' })).toMatchObject({ status: 400 })
    await drained(stack.judge)
    const rows = await stored()
    expect([rows.get(a.id)?.owner, rows.get(b.id)?.owner]).toEqual([callers[0]!.owner, callers[1]!.owner])
  })

  it('refuses what a full queue does not take, and stores all that it took', async () => {
    await service('worker').stop()
    const orders = randomOrders(3 * LIMIT, 43, Date.now())
    const answers: [Order, Answer][] = []
    for (const order of orders) answers.push([order, await ingest(wire(order))])
    const taken = answers.filter(([, { status }]) => status === 202).map(([order]) => order.id)
    const refused = answers.filter(([, { status }]) => status === 503)
    expect(taken.length + refused.length).toBe(orders.length)
    // Quorum queues look at their length before what is on its way is in.
    expect(taken.length).toBeGreaterThanOrEqual(LIMIT)
    expect(taken.length).toBeLessThan(LIMIT + 20)
    expect([refused[0]![1].headers.get('retry-after'), refused[0]![1].body['error']]).toEqual(['2', expect.stringContaining('is full')])
    expect(await ready(), 'other shards have room').toBe(200)
    expect(await stack.judge.backlog()).toBe(taken.length)
    await service('worker').start()
    await drained(stack.judge)
    const rows = await stored()
    expect(taken.filter((id) => !rows.has(id)), 'lost').toEqual([])
    expect(refused.filter(([{ id }]) => rows.has(id)), 'refused and stored').toEqual([])
  }, 60_000)

  it('says within a second that RabbitMQ is away, and finds it again', async () => {
    await service('rabbitmq').kill()
    await until('it is found out', async () => (await ready()) === 503, 2_000)
    const startMs = performance.now()
    const [order] = randomOrders(1, 44, Date.now()) as [Order]
    const answer = await ingest(wire(order))
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    expect(performance.now() - startMs).toBeLessThan(1_000)
    expect((await fetch(`${stack.url}/livez`)).status).toBe(200)
    await service('rabbitmq').start()
    await until('it is ready', async () => (await ready()) === 200, 30_000)
    expect((await ingest(wire(order))).status).toBe(202)
    await until('the judge is back', () => stack.judge.backlog().then(() => true, () => false))
    await drained(stack.judge)
    expect((await stored()).has(order.id)).toBe(true)
  }, 60_000)

  it('says that it does not know what became of an order that a RabbitMQ on pause never confirmed', async () => {
    const [first, second] = randomOrders(2, 45, Date.now()) as [Order, Order]
    await service('rabbitmq').pause()
    const unanswered = ingest(wire(first))
    unanswered.catch(() => {})
    await until('new ones are refused', async () => (await ready()) === 503, 3_000)
    expect((await ingest(wire(second))).status).toBe(503)
    expect((await unanswered).status).toBe(504)
    await service('rabbitmq').resume()
    await until('it is ready', async () => (await ready()) === 200, 30_000)
    await until('it is taken', async () => (await ingest(wire(second))).status === 202)
    await until('the judge is back', () => stack.judge.backlog().then(() => true, () => false), 20_000)
    await drained(stack.judge)
    expect((await stored()).has(second.id)).toBe(true)
  }, 60_000)

  it('writes nothing where its queue is missing, and makes it again', async () => {
    const queue = shardQueue(shardOf(Number(callers[0]!.owner), SHARDS))
    const model = await connect({ hostname: '127.0.0.1', port: Number(stack.system.env['RABBITMQ_PORT']), ...BROKER_ACCOUNT })
    await service('worker').stop()
    await (await model.createChannel()).deleteQueue(queue)
    const [order] = randomOrders(1, 46, Date.now()) as [Order]
    expect(await ingest(wire(order))).toMatchObject({ status: 503, body: { error: expect.stringContaining(`no queue ${queue}`) as string } })
    await until('it is made again', async () => (await ingest(wire(order))).status === 202)
    await service('worker').start()
    await until('the judge is back', () => stack.judge.backlog().then(() => true, () => false))
    await drained(stack.judge)
    expect((await stored()).has(order.id)).toBe(true)
    await model.close()
  }, 60_000)

  it('names the settings of a queue that is there with others', async () => {
    await expect(declareQueues(contextWith({ ...stack.knobs, queueLimit: LIMIT + 1 }))).rejects.toThrow(/other settings.*queueLimit=51.*x-max-length/s)
    await declareQueues(contextWith(stack.knobs))
  })

  it('limits each workspace by itself', async () => {
    const answers: Answer[] = []
    for (let i = 0; i < 7; i++) answers.push(await ingest(randomOrders(1_000, 50 + i, Date.now()).map(wire)))
    expect(answers.map((it) => it.status)).toContain(429)
    expect(answers.find((it) => it.status === 429)!.headers.get('retry-after')).toMatch(/^\d+$/)
    expect((await ingest(randomOrders(1_000, 60, Date.now()).map(wire), {}, callers[1])).status).toBe(202)
    await drained(stack.judge)
  })
})
