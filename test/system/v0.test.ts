import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { analyse } from '../../src/system/analytics.ts'
import { parseMessage } from '../../src/system/architectures/v0-redis-pubsub/channel.ts'
import { createCollector } from '../../src/system/architectures/v0-redis-pubsub/collector.ts'
import { createOrderFile, openOrderWriter, orderFile, type OrderWriter } from '../../src/system/architectures/v0-redis-pubsub/file.ts'
import { decodeRows, openOrderReader, type OrderReader } from '../../src/system/architectures/v0-redis-pubsub/reader.ts'
import { createContext } from '../../src/system/context.ts'
import type { Order } from '../../src/system/event.ts'
import { encodeOrders, RECORD_BYTES, STORE_AT } from '../../src/system/record.ts'
import { expectedDashboard, randomOrders, withoutMoment } from './orders.ts'

const NOW = Date.UTC(2026, 10, 21, 8)
/** Under Node 24 SQLite is part of the process, so this is as good as a function call. */
let folder: string
let path: string
let writer: OrderWriter
let reader: OrderReader

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'v0-'))
  path = orderFile(folder)
  createOrderFile(path)
  writer = openOrderWriter(path, 'off')
  reader = openOrderReader(path)
})
afterEach(() => {
  reader[Symbol.dispose]()
  writer[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

function rowsOf(from: OrderReader): (Order & { persistedAtMs: number })[] {
  const rows = []
  for (let page = from.page(0); page !== undefined; page = from.page(page.last)) rows.push(...decodeRows(page.bytes))
  return rows
}

describe('the file of v0', () => {
  it('gives back what was stored, in its order, over several pages, with the moment of storing', () => {
    const orders = randomOrders(12_000, 41, NOW)
    const beganMs = Date.now()
    expect(writer.store(encodeOrders(orders))).toEqual({ stored: orders.length, invalid: 0 })
    const rows = rowsOf(reader)
    expect(rows.map(({ persistedAtMs: _, ...order }) => order)).toEqual(orders)
    for (const { persistedAtMs } of rows) expect(persistedAtMs).toBeGreaterThanOrEqual(beganMs - 1)
    expect(Math.max(...rows.map((it) => it.persistedAtMs))).toBeLessThanOrEqual(Date.now() + 1)
  })

  it('stores an id once, and its largest row number stays the count', () => {
    const orders = randomOrders(20, 42, NOW)
    expect(writer.store(encodeOrders([...orders.slice(0, 10), ...orders.slice(0, 10)])).stored).toBe(10)
    expect(writer.store(encodeOrders(orders)).stored).toBe(10)
    expect(writer.count()).toBe(20)
    expect(rowsOf(reader)).toHaveLength(20)
  })

  it('leaves out records that cannot be orders, and stores their neighbours', () => {
    const orders = randomOrders(3, 43, NOW)
    const records = encodeOrders(orders)
    records[RECORD_BYTES + STORE_AT] = 255
    expect(writer.store(records)).toEqual({ stored: 2, invalid: 1 })
    expect(rowsOf(reader).map((it) => it.id)).toEqual([orders[0]!.id, orders[2]!.id])
  })

  it('keeps nothing of a transaction that did not end', () => {
    expect(() => writer.store(encodeOrders(randomOrders(5, 44, NOW)), () => { throw new Error('cut off') })).toThrow('cut off')
    expect([writer.count(), reader.page(0)]).toEqual([0, undefined])
    expect(writer.store(encodeOrders(randomOrders(5, 44, NOW))).stored).toBe(5)
  })

  it('is made again without harm', () => {
    writer.store(encodeOrders(randomOrders(5, 45, NOW)))
    createOrderFile(path)
    expect(writer.count()).toBe(5)
  })

  it('adds up to the dashboard of its orders, and answers questions about them', () => {
    expect(reader.dashboard()).toMatchObject({ version: 0, count: 0, top: [] })
    const orders = randomOrders(5_000, 46, NOW)
    writer.store(encodeOrders(orders))
    expect(withoutMoment(reader.dashboard())).toEqual(expectedDashboard(orders))
    expect(reader.dashboard().version).toBe(5_000)
    const range = { fromMs: Date.UTC(2022, 0, 1), toMs: Date.UTC(2024, 0, 1) }
    for (const by of ['product', 'store', 'type', 'hour'] as const) {
      expect(reader.analytics({ ...range, by })).toEqual(analyse(orders, { ...range, by }))
    }
  })
})

describe('the consumer of v0', () => {
  const NO_TIME = 1_000

  it('stores a batch as soon as it is full, whatever the messages were, in transactions of at most a batch', () => {
    const reached: number[] = []
    const sizes: number[] = []
    const counting: OrderWriter = { ...writer, store: (records, before) => { sizes.push(records.length / RECORD_BYTES); return writer.store(records, before) } }
    const context = createContext({ env: {}, knobs: { batch: 4, flush: NO_TIME }, signal: new AbortController().signal })
    const collector = createCollector(context, counting, { reached: (position) => void reached.push(position), forget() {}, async [Symbol.asyncDispose]() {} })
    const orders = randomOrders(12, 47, NOW)
    collector.add({ position: 3, records: encodeOrders(orders.slice(0, 3)) })
    expect(writer.count()).toBe(0)
    collector.add({ position: 12, records: encodeOrders(orders.slice(3)) })
    expect([writer.count(), sizes, reached]).toEqual([12, [4, 4, 4], [12]])
    // A mark holds nothing, and moves the position on.
    collector.add({ position: 20, records: Buffer.alloc(0) })
    collector.commit()
    expect([sizes.length, reached]).toEqual([3, [12, 20]])
    collector.commit()
    expect(reached).toEqual([12, 20])
  })
})

describe('a message of v0', () => {
  it('is a position and records', () => {
    const records = encodeOrders(randomOrders(2, 48, NOW))
    const position = Buffer.from('00000000000f', 'hex')
    expect(parseMessage(Buffer.concat([position, records]))).toEqual({ position: 15, records })
    expect(parseMessage(position)).toEqual({ position: 15, records: Buffer.alloc(0) })
  })

  it.each([['nothing', 0], ['half a position', 3], ['half a record', 20], ['a record too short by one', 6 + 28]])('is not %s', (_, bytes) => {
    expect(parseMessage(Buffer.alloc(bytes))).toBeUndefined()
  })
})
