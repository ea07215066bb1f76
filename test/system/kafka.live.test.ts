import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Unavailable, Unknown } from '../../src/system/architecture.ts'
import type { Order } from '../../src/system/event.ts'
import { createKafkaAdmin } from '../../src/system/kafka/admin.ts'
import { committedOffsets, endOffsets } from '../../src/system/kafka/offsets.ts'
import { partitionOfId } from '../../src/system/kafka/partition.ts'
import { createKafkaPublisher, type KafkaPublisher } from '../../src/system/kafka/publisher.ts'
import { createTopics } from '../../src/system/kafka/topics.ts'
import { forgetMetrics } from '../../src/system/metrics.ts'
import { until } from './client.ts'
import { readAll, startBrokers, startProxy, type Brokers, type Proxy } from './kafka-broker.ts'
import { randomOrders } from './orders.ts'

const PARTITIONS = 4
let topics = 0

async function newTopic({ context }: Brokers): Promise<string> {
  const topic = `orders-${++topics}`
  await createTopics(context, [{ topic, partitions: PARTITIONS }])
  return topic
}

async function publisherOf({ context }: Brokers, topic: string, partitionOf: 'request' | 'id' = 'request'): Promise<KafkaPublisher> {
  forgetMetrics()
  const publisher = createKafkaPublisher(context, { topic, partitions: PARTITIONS, partitionOf, lingerMs: 5, encode: ({ id }) => Buffer.from(id) })
  await until('it is connected', () => publisher.ready().ok)
  return publisher
}

/** What became of requests, and the slowest answer of each kind. */
interface Outcome {
  ok: string[][]
  refused: string[][]
  unknown: string[][]
  slowestMs: { ok: number; refused: number; unknown: number }
}

/** Sends requests of `size` orders, `inFlight` at a time, until `stop`. */
async function drive(publisher: KafkaPublisher, { size = 1, inFlight = 16, stop }: { size?: number; inFlight?: number; stop: AbortSignal }): Promise<Outcome> {
  const outcome: Outcome = { ok: [], refused: [], unknown: [], slowestMs: { ok: 0, refused: 0, unknown: 0 } }
  let next = 0
  async function sender(): Promise<void> {
    while (!stop.aborted) {
      const orders = randomOrders(size, ++next, 0)
      const startMs = performance.now()
      const fate = await publisher.publish(orders).then(() => 'ok' as const, (error: unknown) => {
        if (error instanceof Unavailable) return 'refused' as const
        if (error instanceof Unknown) return 'unknown' as const
        throw error
      })
      outcome[fate].push(orders.map((it: Order) => it.id))
      outcome.slowestMs[fate] = Math.max(outcome.slowestMs[fate], performance.now() - startMs)
      await sleep(fate === 'ok' ? 2 : 20)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, sender))
  return outcome
}

/** Every accepted order once, no refused one, a request whole or not at all. */
async function expectExact(brokers: Brokers, topic: string, { ok, refused, unknown }: Outcome): Promise<void> {
  const records = await readAll(brokers.context, topic)
  const there = new Set(records.map((it) => it.value))
  expect(records.length - there.size, 'written twice').toBe(0)
  expect(ok.flat().filter((id) => !there.has(id)), 'acknowledged and lost').toEqual([])
  expect(refused.flat().filter((id) => there.has(id)), 'refused and written').toEqual([])
  for (const request of [...ok, ...unknown]) expect([0, request.length], 'in part').toContain(request.filter((id) => there.has(id)).length)
  const sent = new Set([...ok, ...unknown].flat())
  expect([...there].filter((id) => !sent.has(id))).toEqual([])
}

describe('one broker', () => {
  let brokers: Brokers
  beforeAll(async () => { brokers = await startBrokers(1) })
  afterAll(() => brokers[Symbol.asyncDispose]())

  it('makes topics once, and refuses one with other partitions', async () => {
    const topic = await newTopic(brokers)
    await Promise.all([1, 2].map(() => createTopics(brokers.context, [{ topic, partitions: PARTITIONS }, { topic: `${topic}-totals`, partitions: 1, compacted: true }])))
    await expect(createTopics(brokers.context, [{ topic, partitions: 7 }])).rejects.toThrow(/has 4 partitions where 7/)
  })

  it('keeps the events of a request in one partition, gathers requests, and tells offsets', async () => {
    const topic = await newTopic(brokers)
    await using publisher = await publisherOf(brokers, topic)
    const requests = Array.from({ length: 200 }, (_, i) => randomOrders(1 + (i % 30), i, 0))
    await Promise.all(requests.map((orders) => publisher.publish(orders)))
    const records = await readAll(brokers.context, topic)
    const partitionOf = new Map(records.map(({ value, partition }) => [value, partition]))
    expect(partitionOf.size).toBe(records.length)
    for (const orders of requests) expect(new Set(orders.map((it) => partitionOf.get(it.id))).size).toBe(1)
    expect(new Set(partitionOf.values()).size, 'partitions take turns').toBeGreaterThan(1)
    await using admin = createKafkaAdmin(brokers.context, 'test', 15_000)
    const ends = await admin.ask((it) => endOffsets(it, topic))
    expect([...ends.values()].reduce((a, b) => a + b)).toBe(records.length)
    await admin.ask((it) => it.setOffsets({ groupId: 'some', topic, partitions: [{ partition: 1, offset: '3' }] }))
    expect(await admin.ask((it) => committedOffsets(it, 'some', topic))).toEqual(new Map([[1, { offset: 3, metadata: '' }]]))
  })

  it('killed: refuses at once, works again when it is back; nothing lost, nothing twice', async () => {
    const topic = await newTopic(brokers)
    await using publisher = await publisherOf(brokers, topic)
    const stop = new AbortController()
    const driving = drive(publisher, { size: 3, stop: stop.signal })
    await sleep(500)
    await brokers.broker('kafka').kill({ hold: true })
    await until('it says so', () => !publisher.ready().ok, 1_000)
    const startMs = performance.now()
    await expect(publisher.publish(randomOrders(1, 1, 0))).rejects.toThrow(Unavailable)
    expect(performance.now() - startMs).toBeLessThan(100)
    await brokers.broker('kafka').start()
    await until('it is back', () => publisher.ready().ok)
    await sleep(500)
    stop.abort()
    const outcome = await driving
    expect(outcome.refused.length).toBeGreaterThan(0)
    expect(outcome.ok.length).toBeGreaterThan(20)
    await expectExact(brokers, topic, outcome)
  })

  it('killed while nobody sends: the next order is refused, not in doubt', async () => {
    const topic = await newTopic(brokers)
    await using publisher = await publisherOf(brokers, topic)
    await publisher.publish(randomOrders(1, 1, 0))
    await brokers.broker('kafka').kill({ hold: true })
    await expect(publisher.publish(randomOrders(1, 2, 0))).rejects.toThrow(Unavailable)
    await brokers.broker('kafka').start()
  })

  it('frozen: what is on its way is in doubt after four seconds, what comes later refused; then it goes on', async () => {
    const topic = await newTopic(brokers)
    await using publisher = await publisherOf(brokers, topic)
    const stop = new AbortController()
    const driving = drive(publisher, { size: 3, stop: stop.signal })
    await sleep(300)
    await brokers.broker('kafka').pause()
    await sleep(1_500)
    const startMs = performance.now()
    await expect(publisher.publish(randomOrders(1, 1, 0))).rejects.toThrow(Unavailable)
    expect(performance.now() - startMs).toBeLessThan(100)
    await sleep(4_000)
    await brokers.broker('kafka').resume()
    await until('it is back', () => publisher.ready().ok)
    await sleep(300)
    stop.abort()
    const outcome = await driving
    expect(outcome.unknown.length).toBeGreaterThan(0)
    expect(outcome.slowestMs.unknown).toBeGreaterThan(3_500)
    expect(outcome.slowestMs.unknown).toBeLessThan(6_000)
    expect(outcome.slowestMs.refused).toBeLessThan(2_500)
    await expectExact(brokers, topic, outcome)
  })

  it('by id: each where it belongs; requests of several whole or not at all, also when the broker is killed', async () => {
    const topic = await newTopic(brokers)
    await using publisher = await publisherOf(brokers, topic, 'id')
    const stop = new AbortController()
    const alone = drive(publisher, { stop: stop.signal, inFlight: 8 })
    const together = drive(publisher, { size: 20, stop: stop.signal, inFlight: 8 })
    await sleep(700)
    await brokers.broker('kafka').kill({ hold: true })
    await brokers.broker('kafka').start()
    await until('it is back', () => publisher.ready().ok)
    await sleep(500)
    stop.abort()
    const [one, many] = await Promise.all([alone, together])
    expect(one.ok.length).toBeGreaterThan(5)
    expect(many.ok.length).toBeGreaterThan(5)
    const slowest = { ok: 0, refused: 0, unknown: 0 }
    await expectExact(brokers, topic, { ok: [...one.ok, ...many.ok], refused: [...one.refused, ...many.refused], unknown: [...one.unknown, ...many.unknown], slowestMs: slowest })
    for (const { value, partition } of await readAll(brokers.context, topic)) expect(partition).toBe(partitionOfId(value, PARTITIONS))
  })

  it('a process killed before it commits leaves nothing behind, and holds nobody up for long', async () => {
    const topic = await newTopic(brokers)
    const child = spawn(process.execPath, [fileURLToPath(new URL('fixtures/kafka-sender.ts', import.meta.url)), topic, '3', '50'], {
      env: { ...process.env, ...brokers.system.env, LAB_FAILPOINT: 'api:before-commit@2' }, stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    const said = await text(child.stdout)
    expect((await exited)[1]).toBe('SIGKILL')
    const requests = [...said.matchAll(/^sending (.*)$/gm)].map((it) => it[1]!.split(' '))
    expect(requests).toHaveLength(2)
    await using publisher = await publisherOf(brokers, topic, 'id')
    const after = randomOrders(10, 99, 0).map((it) => ({ ...it }))
    await publisher.publish(after)
    const expected = [...requests[0]!, ...after.map((it) => it.id)].sort()
    await until('all that is committed can be read', async () => (await readAll(brokers.context, topic)).length >= expected.length, 15_000)
    expect((await readAll(brokers.context, topic)).map((it) => it.value).sort()).toEqual(expected)
  })
})

describe('behind a proxy that loses answers', () => {
  let proxy: Proxy
  let brokers: Brokers
  beforeAll(async () => {
    proxy = await startProxy()
    brokers = await startBrokers(1, proxy.port)
    proxy.passTo(brokers.context.address('kafka').port)
  })
  afterAll(async () => {
    await brokers[Symbol.asyncDispose]()
    await proxy[Symbol.asyncDispose]()
  })

  it.each(['request', 'id'] as const)('what is sent again is written once (by %s)', async (partitionOf) => {
    const topic = await newTopic(brokers)
    await using publisher = await publisherOf(brokers, topic, partitionOf)
    await publisher.publish(randomOrders(1, 1, 0))
    const requests = Array.from({ length: 20 }, (_, i) => randomOrders(1, 100 + i, 0))
    for (const [i, orders] of requests.entries()) {
      if (i % 5 === 2) proxy.cutAnswers(1)
      await publisher.publish(orders)
    }
    expect(proxy.cuts()).toBeGreaterThanOrEqual(4)
    const values = (await readAll(brokers.context, topic)).map((it) => it.value)
    expect(values.length).toBe(21)
    expect(new Set(values).size).toBe(21)
  })
})

describe('three brokers', () => {
  it('the leader killed: goes on without it; nothing lost, nothing twice', async () => {
    await using brokers = await startBrokers(3)
    const topic = await newTopic(brokers)
    await using publisher = await publisherOf(brokers, topic)
    await using admin = createKafkaAdmin(brokers.context, 'test', 10_000)
    const { topics: [described] } = await admin.ask((it) => it.fetchTopicMetadata({ topics: [topic] }))
    expect(described!.partitions.map((it) => it.replicas.length)).toEqual(Array(PARTITIONS).fill(3))
    const leader = described!.partitions[0]!.leader
    const stop = new AbortController()
    const driving = drive(publisher, { size: 3, stop: stop.signal })
    await sleep(500)
    await brokers.broker(['kafka', 'kafka-2', 'kafka-3'][leader - 1]!).kill({ hold: true })
    await sleep(500)
    const accepted = () => Promise.all(Array.from({ length: 8 }, (_, i) => publisher.publish(randomOrders(1, 1_000 + i, 1)))).then(() => true, () => false)
    await until('orders are accepted without it', accepted, 30_000)
    await sleep(500)
    stop.abort()
    const outcome = await driving
    const records = await readAll(brokers.context, topic)
    const there = new Set(records.map((it) => it.value))
    expect(outcome.ok.flat().filter((id) => !there.has(id)), 'acknowledged and lost').toEqual([])
    expect(records.length - there.size, 'written twice').toBe(0)
    expect(outcome.refused.flat().filter((id) => there.has(id)), 'refused and written').toEqual([])
  })
})
