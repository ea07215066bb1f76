import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { local } from '../../src/runtime/local/local.ts'
import type { System } from '../../src/runtime/runtime.ts'
import { startApi, type Api } from '../../src/system/api.ts'
import type { Architecture, Judge } from '../../src/system/architecture.ts'
import { createBackend } from '../../src/system/architectures/v3-kafka-flink/backend.ts'
import { createJudge } from '../../src/system/architectures/v3-kafka-flink/judge.ts'
import { knobs, type V3Knobs } from '../../src/system/architectures/v3-kafka-flink/knobs.ts'
import { SERIES_TOPIC, TOTALS_TOPIC } from '../../src/system/architectures/v3-kafka-flink/names.ts'
import { startProjector } from '../../src/system/architectures/v3-kafka-flink/projector.ts'
import { seedOrders } from '../../src/system/postgres/seed-orders.ts'
import { setUp } from '../../src/system/architectures/v3-kafka-flink/setup.ts'
import { createContext, type Context } from '../../src/system/context.ts'
import type { Order } from '../../src/system/event.ts'
import { ORDER_TYPES, PRODUCTS, STORES } from '../../src/system/event.ts'
import { connectKafka } from '../../src/system/kafka/connect.ts'
import { forgetMetrics } from '../../src/system/metrics.ts'
import { until } from './client.ts'
import { expectedDashboard, randomOrders, withoutMoment } from './orders.ts'

/** What stands where Flink would: this test says what it says, so that no part of it depends on how fast the job is. */
const HOUR_MS = 3_600_000
let folder: string
let system: System
let context: Context<V3Knobs>
let api: Api
let judge: Judge
const stop = new AbortController()
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}.yaml`, import.meta.url))

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'v3-projector-'))
  system = await local.up({ runId: `v3-projector-${process.pid}`, files: [fixture('kafka'), fixture('v4-stores')], env: {}, logDir: join(folder, 'logs'), signal: stop.signal, on: () => undefined })
  context = createContext({ env: system.env, knobs: knobs.parse({}), signal: stop.signal })
  await setUp(context)
  await setUp(context)
  const architecture = { id: 'v3', api: async () => createBackend(context) } as unknown as Architecture
  api = await startApi(architecture, context as unknown as Context, { host: '127.0.0.1', port: 0 }, { exposed: false })
  judge = await createJudge(context)
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await judge[Symbol.asyncDispose]()
  await system[Symbol.asyncDispose]()
  stop.abort()
  rmSync(folder, { recursive: true, force: true })
})

async function say(topic: string, records: { key: unknown; value: unknown }[]): Promise<void> {
  const producer = connectKafka(context, 'test').producer()
  await producer.connect()
  await producer.send({ topic, messages: records.map(({ key, value }) => ({ key: JSON.stringify(key), value: JSON.stringify(value) })) })
  await producer.disconnect()
}

function cellsOf(orders: readonly Order[]): { key: unknown; value: unknown }[] {
  const byCell = Map.groupBy(orders, ({ timestampMs, product, store, type }) => JSON.stringify({
    hour: Math.floor(timestampMs / HOUR_MS), product: PRODUCTS.indexOf(product), store: STORES.indexOf(store), type: ORDER_TYPES.indexOf(type),
  }))
  return [...byCell].map(([key, some]) => ({ key: JSON.parse(key) as unknown, value: { count: some.length, revenueCents: some.reduce((sum, it) => sum + it.amountCents, 0), lateCount: 1 } }))
}

const series = async (query = '') => (await (await fetch(`${api.url}/api/series${query}`)).json()) as { windowS: number; windows: { start: string; count: number }[]; lateEvents: number }

it('shows what Flink says together with history, also to a Redis that has forgotten, and after a restart', async () => {
  const nowMs = Date.now()
  const [streamed, seeded] = [randomOrders(3_000, 1, nowMs), randomOrders(500, 2, nowMs)]
  const windowMs = Math.floor(nowMs / 10_000) * 10_000
  forgetMetrics()
  const first = await startProjector(context)
  await say(TOTALS_TOPIC, cellsOf(streamed.slice(0, 2_000)))
  await until('what was said is shown', async () => (await judge.dashboard()).count === 2_000)
  expect(withoutMoment(await judge.dashboard())).toEqual(expectedDashboard(streamed.slice(0, 2_000)))

  await seedOrders(context, (async function* () { yield seeded })())
  await until('history is added', async () => (await judge.dashboard()).count === 2_500)
  expect(await judge.stored()).toBe(500)
  expect(await judge.backlog()).toBe(0)

  await say(SERIES_TOPIC, [-20_000, -10_000].map((back) => ({ key: { windowStartMs: windowMs + back }, value: { count: 7, revenueCents: 70 } })))
  await until('the series is there', async () => (await series()).windows.length === 2)
  expect(await series()).toEqual({
    windowS: 10, lateEvents: cellsOf(streamed.slice(0, 2_000)).length,
    windows: [-20_000, -10_000].map((back) => ({ start: new Date(windowMs + back).toISOString(), count: 7, revenueCents: 70 })),
  })
  expect((await series(`?from=${new Date(windowMs - 10_000).toISOString()}`)).windows).toHaveLength(1)
  expect((await fetch(`${api.url}/api/series?from=yesterday`)).status).toBe(400)

  const redis = system.services.find((it) => it.service === 'redis')!
  await redis.kill({ hold: true })
  expect((await fetch(`${api.url}/api/series`)).status).toBe(503)
  // What PostgreSQL can tell: the stored orders, of which the stream's are not there yet.
  expect(((await (await fetch(`${api.url}/api/dashboard`)).json()) as { count: number }).count).toBe(500)
  await redis.start()
  await until('all is there again', async () => (await judge.dashboard()).count === 2_500 && (await series()).windows.length === 2)

  await first[Symbol.asyncDispose]()
  await say(TOTALS_TOPIC, cellsOf(streamed))
  forgetMetrics()
  await using _second = await startProjector(context)
  await until('the whole is shown', async () => (await judge.dashboard()).count === 3_500)
  expect(withoutMoment(await judge.dashboard())).toEqual(expectedDashboard([...streamed, ...seeded]))
})
