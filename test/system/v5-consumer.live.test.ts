import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Kafka } from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { DEAD_TOPIC, GROUP, ORDERS_TOPIC } from '../../src/system/architectures/v5-kafka-clickhouse/names.ts'
import { CLAIM, PUT, READ } from '../../src/system/architectures/v5-kafka-clickhouse/speed/lua.ts'
import { createContext } from '../../src/system/context.ts'
import type { Dashboard } from '../../src/system/dashboard.ts'
import type { Order } from '../../src/system/event.ts'
import { connectKafka } from '../../src/system/kafka/connect.ts'
import { partitionOfId } from '../../src/system/kafka/partition.ts'
import { encodeOrders } from '../../src/system/record.ts'
import { drive, until } from './client.ts'
import { expectedDashboard, randomNumbers, randomOrders, withoutMoment } from './orders.ts'
import { drained, startStack, storedOrders, type Stack } from './stack.ts'
import { createRedisModel } from './v5/redis-model.ts'

const PARTITIONS = 6

describe('the consumers of v5', () => {
  let stack: Stack
  let kafka: Kafka
  let redis: Redis
  const accepted = new Map<string, Order>()
  /** Orders that may be on their way by now, each counted once. */
  let sent = 0
  let reader: ReturnType<typeof readAllTheWhile>
  const consumers = () => stack.system.services.filter((it) => it.service === 'consumer')

  async function produce(values: readonly { partition: number; value: Buffer | null }[]): Promise<void> {
    const producer = kafka.producer({ idempotent: true })
    await producer.connect()
    await producer.send({ topic: ORDERS_TOPIC, acks: -1, messages: [...values] })
    await producer.disconnect()
  }

  async function exact(): Promise<void> {
    const shown = await drained(stack.judge)
    const stored = await storedOrders(stack.judge)
    expect(stored.map(({ persistedAtMs: _, ...order }) => order).toSorted(byId)).toEqual([...accepted.values()].toSorted(byId))
    expect(withoutMoment(shown)).toEqual(expectedDashboard(stored))
  }

  /** Sends orders until told to stop; every one must be accepted in the end. */
  function load(seed: number) {
    const done = new AbortController()
    async function run(): Promise<void> {
      for (let round = 0; !done.signal.aborted && round < 1_000; round++) {
        const orders = randomOrders(40, seed + round, Date.now())
        sent += orders.length
        const { ok } = await drive(`${stack.url}/api/v5`, orders, { attempts: 50, inFlight: 4 })
        for (const order of orders) if (ok.has(order.id)) accepted.set(order.id, order)
        await sleep(10)
      }
    }
    const running = run()
    return { async stop() { done.abort(); await running } }
  }

  beforeAll(async () => {
    stack = await startStack('v5', { knobs: { consumers: '1', partitions: String(PARTITIONS), batch: '100', flush: '200' } })
    kafka = connectKafka(createContext({ env: stack.system.env, knobs: stack.knobs, signal: new AbortController().signal }), 'test')
    redis = new Redis({ host: stack.system.env['REDIS_HOST']!, port: Number(stack.system.env['REDIS_PORT']) })
    redis.on('error', () => {})
    reader = readAllTheWhile(stack.url, () => sent)
  })
  // Commits, takeovers and outages are all in what was read meanwhile.
  afterEach(() => {
    expect(reader.wrong).toEqual([])
    expect(reader.reads(), 'nothing was read').toBeGreaterThan(10)
  })
  afterAll(async () => {
    await reader?.stop()
    redis.disconnect()
    await stack[Symbol.asyncDispose]()
  })

  it('stores one of all copies of an id, and what is no order goes aside with the reason', async () => {
    const orders = randomOrders(300, 51, Date.now())
    const records = orders.map((order) => ({ partition: partitionOfId(order.id, PARTITIONS), value: encodeOrders([order]) }))
    const strange = encodeOrders([orders[0]!])
    strange[28] = 255
    const poison = [{ partition: 2, value: strange }, { partition: 2, value: Buffer.from('{}') }, { partition: 3, value: null }]
    sent += orders.length
    await produce([...records, ...poison, ...records.slice(0, 100)])
    for (const order of orders) accepted.set(order.id, order)
    await exact()
    // Long stored: only ClickHouse can tell, as these ids have no time in them.
    await produce(records.slice(100, 200))
    await exact()
    expect((await deadLetters()).toSorted()).toEqual([
      '2: 2 bytes where an order has 29', '2: its type, store or product is none there is', '3: no value where an order has 29 bytes',
    ])
  })

  async function deadLetters(): Promise<string[]> {
    const consumer = kafka.consumer({ groupId: 'test' })
    const found: string[] = []
    await consumer.connect()
    await consumer.subscribe({ topics: [DEAD_TOPIC], fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message }) => void found.push(`${String(message.key).split(':')[0]}: ${String(message.headers?.['reason'])}`),
    })
    await until('they are read', () => found.length >= 3)
    await sleep(200)
    await consumer.disconnect()
    return found
  }

  it('the scripts of the speed layer do what the model of them does that every order of steps is tried on', async () => {
    const model = createRedisModel()
    const random = randomNumbers(7)
    const below = (n: number) => Math.floor(random() * n)
    const keys = ['test:buckets', 'test:chain']
    const said = { ok: 0, fenced: 0, apart: 0 }
    for (let i = 0; i < 600; i++) {
      const generation = below(20) === 0 ? below(4) : 2
      if (i % 10 === 0) {
        const claimed = await redis.eval(CLAIM, 2, ...keys, generation)
        expect(claimed).toEqual(model.claim(keys, [generation]))
      } else if (i % 10 < 7) {
        const from = below(12) * 10
        const buckets = Array.from({ length: 1 + below(3) }, (_, k) => bucket(from + 10 * k, from + 10 * k + 10, below(50)))
        const values = [generation, below(3) === 0 ? 'all' : 'more', from, below(100), below(100), 60, 30, ...buckets]
        const answer = await redis.eval(PUT, 2, ...keys, ...values)
        expect(answer).toBe(model.put(keys, values))
        said[answer as keyof typeof said] += 1
      } else {
        const reached = below(15) * 10
        expect(await redis.callBuffer('EVAL', READ, 2, ...keys, reached)).toEqual(model.read(keys, [reached]))
      }
    }
    expect(Math.min(said.ok, said.apart, said.fenced)).toBeGreaterThan(5)
    await redis.del(...keys)
  })

  it('is exact from one consumer to three and back, with one paused for longer than its session', async () => {
    const sending = load(1_000)
    await stack.system.scale('consumer', 3)
    await sleep(1_000)
    const paused = consumers()[1]!
    await paused.pause()
    await sleep(4_500)
    await paused.resume()
    await sleep(500)
    await stack.system.scale('consumer', 1)
    await sending.stop()
    await exact()
  }, 60_000)

  it('shows what ClickHouse has while Redis is away, and writes what it lacks when it is back, empty', async () => {
    const sending = load(3_000)
    const server = stack.system.services.find((it) => it.service === 'redis')!
    await server.kill({ hold: true })
    await sleep(500)
    const before = await stack.judge.stored()
    await until('orders are stored without Redis', async () => (await stack.judge.stored()) > before)
    await server.start()
    await until('buckets are written again', async () => (await redis.keys('speed:*:chain')).length > 0)
    await sending.stop()
    await exact()
  }, 60_000)

  it('stores nothing twice when the offsets of the group are gone', async () => {
    await stack.system.scale('consumer', 1)
    await Promise.all(consumers().map((it) => it.stop()))
    const admin = kafka.admin()
    await admin.connect()
    await admin.deleteGroups([GROUP])
    await admin.disconnect()
    await Promise.all(consumers().map((it) => it.start()))
    const sending = load(5_000)
    await sleep(1_000)
    await sending.stop()
    await exact()
  }, 60_000)
})

/**
 * Asks for the dashboard again and again while consumers commit, hand over and die, and the batch layer takes over from the speed layer: it never goes
 * back, never shows more than was sent, and adds up. `reads` counts answers since it was last asked.
 */
function readAllTheWhile(url: string, sent: () => number) {
  const stopped = new AbortController()
  const wrong: string[] = []
  let reads = 0
  let last = 0
  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      const response = await fetch(`${url}/api/dashboard`).catch(() => undefined)
      if (response?.ok) {
        const { count, byProduct, byStore, byType, byHour } = (await response.json()) as Dashboard
        reads += 1
        if (count < last) wrong.push(`${last} and then ${count}`)
        if (count > sent()) wrong.push(`${count} where ${sent()} were sent`)
        for (const map of [byProduct, byStore, byType, byHour]) {
          const sum = Object.values(map).reduce((all, one) => all + one.count, 0)
          if (sum !== count) wrong.push(`${count} in all, and ${sum} by ${Object.keys(map)[0]} and others`)
        }
        last = count
      }
      await sleep(5)
    }
  }
  const running = run()
  return {
    wrong,
    reads() {
      const so = reads
      reads = 0
      return so
    },
    async stop() {
      stopped.abort()
      await running
    },
  }
}

function bucket(from: number, to: number, atMs: number): Buffer {
  const bytes = Buffer.alloc(24)
  bytes.writeDoubleBE(from, 0)
  bytes.writeDoubleBE(to, 8)
  bytes.writeDoubleBE(atMs, 16)
  return bytes
}

const byId = (a: Order, b: Order): number => (a.id < b.id ? -1 : 1)
