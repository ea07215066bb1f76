import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Kafka, logLevel, type Message, type Producer } from 'kafkajs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeOrder } from '../../src/system/architectures/v3-kafka-flink/encode.ts'
import { ORDERS_TOPIC } from '../../src/system/architectures/v3-kafka-flink/names.ts'
import { ORDER_TYPES, PRODUCTS, STORES, type Order } from '../../src/system/event.ts'
import { ACCOUNT } from '../../src/system/postgres/connect.ts'
import { expectedDashboard, randomNumbers, withoutMoment } from './orders.ts'
import { startStack, storedOrders, type Stack } from './stack.ts'

/**
 * The Flink job with everything real around it. What is sent goes straight into the topic, so that a test says which records there are.
 * Whatever happens: every order is a row once, and in the totals once.
 */
const PARTITIONS = 4
let stack: Stack
let producer: Producer
let store: pg.Client
/** All that was sent so far, by id: the first record of each. */
const sent = new Map<string, Order>()

beforeAll(async () => {
  // `job` dies as soon as it has submitted the job for the first time: started again it must find it there.
  stack = await startStack('v3', {
    knobs: { checkpoint: '1000', window: '1', partitions: String(PARTITIONS) },
    env: (folder) => ({ LAB_FAILPOINT: 'job:after-submit', LAB_FAILPOINT_ONCE: join(folder, 'fired') }),
  })
  const { KAFKA_HOST, KAFKA_PORT, POSTGRES_HOST, POSTGRES_PORT } = stack.system.env
  producer = new Kafka({ brokers: [`${KAFKA_HOST}:${KAFKA_PORT}`], logLevel: logLevel.NOTHING, retry: { retries: 30, maxRetryTime: 1_000 } }).producer({ idempotent: true })
  await producer.connect()
  store = new pg.Client({ host: POSTGRES_HOST, port: Number(POSTGRES_PORT), ...ACCOUNT })
  await store.connect()
}, 180_000)

afterAll(async () => {
  await producer?.disconnect()
  await store?.end()
  await stack?.[Symbol.asyncDispose]()
}, 60_000)

const random = randomNumbers(7)
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!

/** Orders of about now, in no order of time within half a second. */
function someOrders(count: number, agoMs = 0): Order[] {
  return Array.from({ length: count }, () => {
    const type = pick(ORDER_TYPES)
    return { id: randomUUID(), type, store: pick(STORES), product: pick(PRODUCTS), amountCents: type === 'order_placed' ? Math.floor(random() * 1_000) : 0, timestampMs: Date.now() - agoMs - Math.floor(random() * 500) }
  })
}

async function send(orders: readonly Order[]): Promise<void> {
  for (const order of orders) if (!sent.has(order.id)) sent.set(order.id, order)
  await write(orders.map((order) => ({ value: encodeOrder(order), partition: Math.floor(random() * PARTITIONS) })))
}

async function write(messages: Message[]): Promise<void> {
  await producer.send({ topic: ORDERS_TOPIC, acks: -1, messages })
}

/** A steady load until it is told to stop. */
function load(): () => Promise<void> {
  let isOver = false
  const running = (async () => {
    while (!isOver) {
      await send(someOrders(60))
      await sleep(100)
    }
  })()
  return () => {
    isOver = true
    return running
  }
}

const service = (name: string) => stack.system.services.find((one) => one.service === name)!

async function until(says: string, holds: () => Promise<boolean>, withinMs = 60_000): Promise<void> {
  const untilMs = performance.now() + withinMs
  while (!(await holds().catch(() => false))) {
    if (performance.now() > untilMs) throw new Error(`not within ${withinMs / 1_000} s: ${says}\n${readFileSync(join(stack.folder, 'logs', 'job.log'), 'utf8').slice(-3_000)}`)
    await sleep(100)
  }
}

/** Everything sent is stored as it was sent, and counted once. */
async function expectExact(): Promise<void> {
  await until('all is stored and counted', async () => (await stack.judge.stored()) >= sent.size && (await stack.judge.dashboard()).count >= sent.size, 90_000)
  const stored = await storedOrders(stack.judge)
  expect(stored.length).toBe(sent.size)
  expect(stored.filter(({ persistedAtMs: _, ...order }) => JSON.stringify(order, Object.keys(order).sort()) !== JSON.stringify(sent.get(order.id), Object.keys(order).sort()))).toEqual([])
  expect(withoutMoment(await stack.judge.dashboard())).toEqual(expectedDashboard(sent.values()))
}

/** A figure of the service `job`. */
async function figure(name: string): Promise<number> {
  const text = await (await fetch(`${service('job').metricsUrl!}?only=lab`)).text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}

const checkpointsSeen = async (): Promise<{ path: string; completed_at: Date }[]> => (await store.query<{ path: string; completed_at: Date }>('SELECT path, completed_at FROM flink_checkpoints ORDER BY completed_at DESC')).rows

describe('the Flink job of v3', () => {
  it('is submitted once, though who submitted it died of it', async () => {
    const flink = `http://${stack.system.env.FLINK_HOST}:${stack.system.env.FLINK_PORT}`
    const { jobs } = (await (await fetch(`${flink}/jobs`)).json()) as { jobs: { status: string }[] }
    expect(stack.events.filter((event) => event.type === 'service-exited' && event.service === 'job')).toHaveLength(1)
    expect(jobs.map(({ status }) => status)).toEqual(['RUNNING'])
  })

  it('counts what comes twice once, what comes late in the totals, and what is no order as such', async () => {
    const orders = someOrders(400)
    const again = orders.slice(0, 100).map((order) => ({ ...order, amountCents: 999, timestampMs: order.timestampMs - 1 }))
    await send(orders)
    // Of two copies in two partitions either may be read first.
    await until('the first copies are stored', async () => (await stack.judge.stored()) >= orders.length)
    await send(again)
    // Time goes on in every partition, so that what is a minute old is late.
    await sleep(3_000)
    for (let partition = 0; partition < PARTITIONS; partition++) await write(someOrders(1).map((order) => (sent.set(order.id, order), { value: encodeOrder(order), partition })))
    await sleep(1_500)
    await send(someOrders(50, 60_000))
    const strange = ['no JSON', '{"id":7}', '[]', '', '{"id":"\'; DROP TABLE orders --"}', encodeOrder(someOrders(1)[0]!).toString().replace('"store":', '"store":9'), encodeOrder(someOrders(1)[0]!).toString().toUpperCase()]
    await write(strange.map((value) => ({ value, partition: 0 })))
    await send(someOrders(100))
    await expectExact()
    await until('7 records are known to be no orders', async () => (await figure('lab_events_invalid_total')) === strange.length)
    await until('50 events were late', async () => (await lateEvents()) === 50)
    expect(await figure('lab_flink_restarts_total')).toBe(0)
  })

  it('ends exact when its TaskManager is killed under load', async () => {
    const stop = load()
    await sleep(2_500)
    await service('taskmanager').kill()
    await sleep(2_000)
    await stop()
    await expectExact()
    await until('a restart is told of', async () => (await figure('lab_flink_restarts_total')) > 0)
    expect(await figure('lab_flink_submissions_total')).toBe(0)
  })

  it('ends exact when all of Flink is killed under load, and the newest checkpoint is damaged besides', async () => {
    const before = new Date()
    const stop = load()
    await until('two new checkpoints', async () => (await checkpointsSeen()).filter(({ completed_at }) => completed_at > before).length >= 2)
    const flink = ['jobmanager', 'taskmanager', 'sql-gateway'].map(service)
    await Promise.all(flink.map((one) => one.kill({ hold: true })))
    const [newest] = await checkpointsSeen()
    truncateSync(join(fileURLToPath(newest!.path), '_metadata'), 100)
    await Promise.all(flink.map((one) => one.start()))
    await stop()
    await expectExact()
    const log = readFileSync(join(stack.folder, 'logs', 'job.log'), 'utf8')
    expect(log).toContain(`cannot start from ${newest!.path}`)
    expect(log.match(/submitting the job, from (.*)/g)!.at(-1)).toMatch(/chk-\d+$/)
    expect(log.match(/from the beginning/g)).toHaveLength(1)
    // Those of jobs before are gone once this one has enough of its own.
    const folder = join(fileURLToPath(newest!.path), '..', '..')
    await until('files of former jobs are removed', async () => readdirSync(folder).length === 1)
  })

  it('ends exact when Kafka is killed and comes back', async () => {
    const stop = load()
    await sleep(500)
    await service('kafka').kill({ hold: true })
    await sleep(1_500)
    await service('kafka').start()
    await stop()
    await expectExact()
  })

  async function lateEvents(): Promise<number> {
    const text = await (await fetch(`${service('projector').metricsUrl!}?only=lab`)).text()
    return Number(/^lab_late_events (\S+)$/m.exec(text)?.[1])
  }
})
