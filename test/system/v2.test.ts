import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkEntries, MAX_ENTRY_RECORDS, recordAt, recordsIn, toBatch, type Entry } from '../../src/system/architectures/v2-redis-streams/codec.ts'
import { entriesFor, entriesInBatch } from '../../src/system/architectures/v2-redis-streams/inbox.ts'
import { parseRows } from '../../src/system/postgres/read-orders.ts'
import { dashboardFromTotals, nameOf } from '../../src/system/postgres/totals.ts'
import { ORDER_TYPES, PRODUCTS, STORES, type Order } from '../../src/system/event.ts'
import { encodeOrder, RECORD_BYTES } from '../../src/system/record.ts'
import { expectedDashboard, randomOrders, withoutMoment } from './orders.ts'

const NOW = Date.UTC(2026, 10, 21, 8)

const record = (order: Order): Buffer => {
  const bytes = Buffer.alloc(RECORD_BYTES)
  encodeOrder(order, bytes, 0)
  return bytes
}

/** Elements of a binary array of PostgreSQL, after checking its head. */
function elements(array: Buffer, type: number, width: number): Buffer[] {
  expect([array.readInt32BE(0), array.readInt32BE(4), array.readInt32BE(8), array.readInt32BE(16)]).toEqual([1, 0, type, 1])
  const length = array.readInt32BE(12)
  expect(array).toHaveLength(20 + length * (4 + width))
  return Array.from({ length }, (_, row) => {
    const at = 20 + row * (4 + width)
    expect(array.readInt32BE(at)).toBe(width)
    return array.subarray(at + 4, at + 4 + width)
  })
}

/** The records of these orders, in entries of the given numbers of them, used in turn. */
function packed(orders: readonly Order[], sizes: readonly number[]): Entry[] {
  const entries: Entry[] = []
  for (let from = 0; from < orders.length;) {
    const to = from + sizes[entries.length % sizes.length]!
    entries.push({ entryId: `${entries.length}-0`, records: Buffer.concat(orders.slice(from, to).map(record)) })
    from = to
  }
  return entries
}

const orderSets = fc.tuple(fc.integer(), fc.integer({ min: 1, max: 60 })).map(([seed, count]) => randomOrders(count, seed, NOW))
const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 })

describe('stream entries', () => {
  it('become the columns of what was encoded, however packed, sorted by id, and its sums (property)', () => {
    fc.assert(fc.property(orderSets, sizes, (unsorted, packing) => {
      const entries = packed(unsorted, packing)
      const orders = unsorted.toSorted((a, b) => (a.id < b.id ? -1 : 1))
      expect(entries.reduce((sum, it) => sum + recordsIn(it), 0)).toBe(orders.length)
      const { good, poison } = checkEntries(entries)
      expect(poison).toEqual([])
      expect(good.map((it) => recordAt(it).toString('hex'))).toEqual(unsorted.map((it) => record(it).toString('hex')))
      const { columns, tallies } = toBatch(good)
      const [ids, times, cents, types, stores, products] = columns as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]
      expect(elements(ids, 2950, 16).map((it) => it.toString('hex'))).toEqual(orders.map((it) => it.id.replaceAll('-', '')))
      expect(elements(times, 20, 8).map((it) => Number(it.readBigInt64BE()))).toEqual(orders.map((it) => it.timestampMs))
      expect(elements(cents, 23, 4).map((it) => it.readInt32BE())).toEqual(orders.map((it) => it.amountCents))
      expect(elements(types, 21, 2).map((it) => ORDER_TYPES[it.readInt16BE()])).toEqual(orders.map((it) => it.type))
      expect(elements(stores, 21, 2).map((it) => STORES[it.readInt16BE()])).toEqual(orders.map((it) => it.store))
      expect(elements(products, 21, 2).map((it) => PRODUCTS[it.readInt16BE()])).toEqual(orders.map((it) => it.product))
      const rows = tallies.dimensions.map((dimension, i) => ({ dimension, key: tallies.keys[i]!, count: tallies.counts[i]!, revenue_cents: tallies.revenueCents[i]! }))
      expect(withoutMoment(dashboardFromTotals(rows, NOW))).toEqual(expectedDashboard(orders))
    }))
  })

  it('lose a spoilt record and none of its neighbours (property)', () => {
    fc.assert(fc.property(orderSets, sizes, fc.nat(), fc.constantFrom(26, 27, 28), (orders, packing, pick, field) => {
      const entries = packed(orders, packing)
      const all = checkEntries(entries).good
      const spoilt = all[pick % all.length]!
      spoilt.entry.records[spoilt.at + field] = 255
      const { good, poison } = checkEntries(entries)
      expect(poison).toEqual([{ entry: spoilt.entry, record: recordAt(spoilt), reason: expect.stringContaining('vocabulary') }])
      expect(good).toEqual(all.filter((it) => it !== spoilt))
    }))
  })

  it('that were cut or lengthened are poison as a whole, count for nothing, and leave the others alone (property)', () => {
    fc.assert(fc.property(orderSets, sizes, fc.nat(), fc.integer({ min: 1, max: 28 }), (orders, packing, pick, bytes) => {
      const entries = packed(orders, packing)
      const cut = entries[pick % entries.length]!
      cut.records = cut.records.subarray(0, cut.records.length - bytes)
      const { good, poison } = checkEntries(entries)
      expect(poison).toEqual([{ entry: cut, record: cut.records, reason: `${cut.records.length} bytes where every record has 29` }])
      expect(recordsIn(cut)).toBe(0)
      expect(new Set(good.map((it) => it.entry))).toEqual(new Set(entries.filter((it) => it !== cut)))
    }))
  })

  it.each([
    ['nothing', Buffer.alloc(0)], ['text', Buffer.from('hello')], ['a byte too many', Buffer.alloc(30)],
    ['a type that is not', Buffer.alloc(29).fill(3, 26, 27)], ['store 51', Buffer.alloc(29).fill(50, 27, 28)], ['product 21', Buffer.alloc(29).fill(20, 28, 29)],
  ])('of %s are poison and leave the others alone', (_what, bytes) => {
    const [order] = randomOrders(1, 1, NOW)
    const checked = checkEntries([{ entryId: '1-0', records: bytes }, { entryId: '2-0', records: record(order!) }])
    expect(checked.poison.map((it) => it.entry.entryId)).toEqual(['1-0'])
    expect(checked.good.map((it) => it.entry.entryId)).toEqual(['2-0'])
  })
})

describe('reading', () => {
  it.each([
    [1_000, 1, 500], [200, 1, 200], [1_000, MAX_ENTRY_RECORDS, 4], [1_000, 20.8, 49], [1, 250, 1], [7, 1, 7],
  ])('room for %i events, %d an entry: asks for %i entries', (room, perEntry, count) => {
    expect(entriesFor(room, perEntry)).toBe(count)
  })

  it.each([
    ['all when they fit', [400, 300, 300], 3], ['whole entries only', [400, 400, 400], 2], ['one that is too large, alone', [1_200, 10], 1],
    ['none of none', [], 0], ['one that has no records with the others', [0, 10, 0], 3],
  ])('hands out %s', (_what, records, handedOut) => {
    const waiting = records.map((n, i) => ({ entryId: `${i}-0`, records: Buffer.alloc(n * RECORD_BYTES) }))
    expect(entriesInBatch(waiting, 1_000)).toBe(handedOut)
  })
})

describe('totals', () => {
  it('become the dashboard, with the count as its version', () => {
    const rows = [
      { dimension: 'all', key: 0, count: 3, revenue_cents: 700 },
      { dimension: 'product', key: 0, count: 2, revenue_cents: 600 }, { dimension: 'product', key: 4, count: 1, revenue_cents: 100 },
      { dimension: 'store', key: 49, count: 3, revenue_cents: 700 }, { dimension: 'type', key: 0, count: 3, revenue_cents: 700 },
      { dimension: 'hour', key: NOW / 3_600_000, count: 3, revenue_cents: 700 },
    ]
    expect(dashboardFromTotals(rows, NOW)).toEqual({
      version: 3, asOf: '2026-11-21T08:00:00.000Z', count: 3, revenueCents: 700,
      byProduct: { latte: { count: 2, revenueCents: 600 }, americano: { count: 1, revenueCents: 100 } },
      byStore: { 'store-50': { count: 3, revenueCents: 700 } },
      byType: { order_placed: { count: 3, revenueCents: 700 } },
      byHour: { '2026-11-21T08:00Z': { count: 3, revenueCents: 700 } },
      top: [{ product: 'latte', count: 2, revenueCents: 600 }, { product: 'americano', count: 1, revenueCents: 100 }],
    })
  })

  it('of an empty table are an empty dashboard', () => {
    expect(dashboardFromTotals([], NOW)).toMatchObject({ version: 0, count: 0, top: [] })
  })

  it('name an unknown position rather than hide it', () => {
    expect(nameOf('product', 99)).toBe('unknown-99')
  })
})

describe('copied rows', () => {
  it('are read by offsets', () => {
    const row = Buffer.alloc(72)
    row.writeInt16BE(7, 0)
    Buffer.from('01932b7a1c007abc8def00000000000a', 'hex').copy(row, 6)
    row.writeBigInt64BE(BigInt(NOW), 26)
    row.writeBigInt64BE(BigInt(NOW + 250 - Date.UTC(2000, 0, 1)) * 1000n + 125n, 38)
    row.writeInt32BE(450, 50)
    row.writeInt16BE(2, 58)
    row.writeInt16BE(49, 64)
    row.writeInt16BE(19, 70)
    expect(parseRows(Buffer.concat([row, row]), 144)).toEqual(Array(2).fill({
      id: '01932b7a-1c00-7abc-8def-00000000000a', type: 'order_cancelled', store: 'store-50', product: 'sandwich',
      amountCents: 450, timestampMs: NOW, persistedAtMs: NOW + 250.125,
    }))
  })
})
