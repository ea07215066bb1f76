import { readdirSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { analyse } from '../../src/system/analytics.ts'
import { readAnalytics } from '../../src/system/architectures/v5-kafka-clickhouse/read/analytics.ts'
import { readBatch } from '../../src/system/architectures/v5-kafka-clickhouse/read/batch.ts'
import { readPersisted } from '../../src/system/architectures/v5-kafka-clickhouse/read/read-orders.ts'
import { seedOrders } from '../../src/system/architectures/v5-kafka-clickhouse/seed.ts'
import { createStore, type Batch } from '../../src/system/architectures/v5-kafka-clickhouse/store.ts'
import type { Order } from '../../src/system/event.ts'
import { expectedDashboard, randomOrders } from './orders.ts'
import { batchOf, startClickhouse, type Columns } from './v5-clickhouse.ts'

let columns: Columns
beforeAll(async () => { columns = await startClickhouse() })
afterAll(() => columns[Symbol.asyncDispose]())

const NOW_MS = Date.now()
const HOUR_MS = 3_600_000

async function stored(): Promise<Order[]> {
  const orders: Order[] = []
  for await (const some of readPersisted(columns.clickhouse)) for (const { persistedAtMs: _, ...order } of some) orders.push(order)
  return orders
}

const byId = (orders: readonly Order[]) => orders.toSorted((a, b) => (a.id < b.id ? -1 : 1))

/** These orders and no others are stored, and counted, each once. */
async function expectExactly(orders: readonly Order[], reached: ReadonlyMap<number, number>, views: 'on' | 'off' = 'on'): Promise<void> {
  expect(byId(await stored())).toEqual(byId(orders))
  const batch = await readBatch(columns.clickhouse, views, 5_000)
  const { top: _, ...totals } = expectedDashboard(orders)
  expect(batch.totals).toEqual(totals)
  expect(batch.reached).toEqual(reached)
}

/** Takes the newest parts of a table away, as if ClickHouse had been killed after it had written their tokens down and before it had named them. */
async function forgetNewestParts(table: string, wanted: (partition: string) => boolean = () => true): Promise<number> {
  const { clickhouse, service } = columns
  const [newest] = await clickhouse.rows<[number]>(`SELECT max(max_block_number) FROM system.parts WHERE active AND database = 'lab' AND table = '${table}'`)
  // Those of one insert have neighbouring numbers, and nothing has merged them yet.
  const parts = await clickhouse.rows<[string, string]>(`SELECT path, partition FROM system.parts WHERE active AND table = '${table}' AND max_block_number = ${newest![0]}`)
  const gone = parts.filter(([, partition]) => wanted(partition))
  await service.kill()
  for (const [path] of gone) {
    expect(readdirSync(path)).toContain('checksums.txt')
    rmSync(path, { recursive: true })
  }
  await service.start()
  return gone.length
}

describe.each(['on', 'off'] as const)('batches, with views=%s', (views) => {
  beforeEach(() => columns.clear(views))

  it('are stored and counted once, however often they are inserted', async () => {
    const store = createStore(columns.clickhouse, views)
    const orders = randomOrders(2_000, 1, NOW_MS)
    const [first, second] = [batchOf(orders.slice(0, 1_500)), batchOf(orders.slice(1_500), 3, 100)]
    await store.insert(first)
    await store.insert(second)
    await store.insert(second, { again: true })
    await store.insert(first)
    await Promise.all([store.insert(first, { again: true }), store.insert(second, { again: true })])
    await expectExactly(orders, new Map([[0, first.to], [3, second.to]]), views)
    expect(await store.reached()).toEqual(new Map([[0, first.to], [3, second.to]]))
  })

  it('are put in again where a crash has left a token without its rows', async () => {
    const store = createStore(columns.clickhouse, views)
    const orders = randomOrders(300, 2, NOW_MS)
    // Of one month: one part.
    for (const order of orders) order.timestampMs = NOW_MS - Math.floor(order.amountCents / 10)
    const batches: Batch[] = [batchOf(orders.slice(0, 200), 1), batchOf(orders.slice(200), 1, 203)]
    for (const batch of batches) await store.insert(batch)
    for (const table of ['orders', 'totals'] as const) {
      expect(await forgetNewestParts(table)).toBeGreaterThan(0)
      await store.insert(batches[1]!)
      await expect(expectExactly(orders, new Map([[1, batches[1]!.to]]), views), 'the token alone does not do').rejects.toThrow()
      // Two at once: who was paused, and who has taken over.
      await Promise.all([store.insert(batches[1]!, { again: true }), store.insert(batches[1]!, { again: true })])
      await expectExactly(orders, new Map([[1, batches[1]!.to]]), views)
    }
  })
})

describe('what is known', () => {
  beforeAll(() => columns.clear())

  it('is what came in the partition before an offset, or in history', async () => {
    const store = createStore(columns.clickhouse, 'on')
    const orders = randomOrders(400, 3, NOW_MS)
    const ids = orders.map((it) => it.id)
    const [first, second, other] = [batchOf(orders.slice(0, 100), 4), batchOf(orders.slice(100, 200), 4, 103), batchOf(orders.slice(200, 300), 5)]
    for (const batch of [first, second, other]) await store.insert(batch)
    await seedOrders(columns.context, (async function* () { yield orders.slice(300, 350) })())
    const history = ids.slice(300, 350)
    expect(await store.known(4, ids, second.to)).toEqual(new Set([...ids.slice(0, 200), ...history]))
    expect(await store.known(4, ids, first.to)).toEqual(new Set([...ids.slice(0, 100), ...history]))
    expect(await store.known(6, ids, 10_000)).toEqual(new Set(history))
    expect(await store.known(4, [], 10_000)).toEqual(new Set())
    const sorted = [...ids.slice(0, 100), ...history].sort()
    expect(await store.newest(4, first.to, 'ffffffff-ffff-ffff-ffff-ffffffffffff')).toBe(sorted.at(-1))
    expect(await store.newest(4, first.to, sorted[70]!)).toBe(sorted[69])
    expect(await store.newest(4, first.to, sorted[0]!)).toBeUndefined()
  })
})

describe('history and questions', () => {
  beforeAll(() => columns.clear())

  it('are answered from whole hours and the rest of the span alike', async () => {
    const orders = randomOrders(20_000, 4, NOW_MS)
    // Half of them in a few hours, so that an hour has many.
    for (const [i, order] of orders.entries()) if (i % 2 === 0) order.timestampMs = NOW_MS - (order.amountCents % (5 * HOUR_MS))
    async function* given(): AsyncGenerator<Order[]> {
      for (let from = 0; from < orders.length; from += 3_000) yield orders.slice(from, from + 3_000)
    }
    await seedOrders(columns.context, given())
    await expectExactly(orders, new Map())
    const third = Math.floor(NOW_MS / HOUR_MS - 3) * HOUR_MS
    const spans: [from: number, to: number][] = [
      [Date.UTC(2022, 0, 1), Date.UTC(2024, 0, 1)], [third - 5, third + HOUR_MS + 7], [third, third + HOUR_MS], [third + 1, third + HOUR_MS - 1], [third + 5, third + 5],
      [0, NOW_MS + 10 * HOUR_MS],
    ]
    for (const views of ['on', 'off'] as const) {
      for (const [fromMs, toMs] of spans) {
        for (const by of ['product', 'store', 'type', 'hour'] as const) {
          const rows = await readAnalytics(columns.clickhouse, views, { fromMs, toMs, by, asked: '' })
          expect(rows).toEqual(analyse(orders, { fromMs, toMs, by }))
        }
      }
    }
  })

  it('are told when an answer breaks off', async () => {
    const reading = columns.clickhouse.stream('SELECT throwIf(number = 3000000), number FROM numbers(4000000) FORMAT RowBinary', { settings: { max_block_size: '10000' } })
    let bytes = 0
    await expect((async () => {
      for await (const chunk of reading) bytes += chunk.length
    })()).rejects.toThrow(/broke off/)
    expect(bytes, 'it had begun').toBeGreaterThan(0)
  })
})

