import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { beyond, boundariesFrom } from '../../../src/system/architectures/v5-kafka-clickhouse/speed/chain.ts'
import { addEncoded, addRecord, addTallies, addTotals, emptyTallies, emptyTotals, encodeTallies, totalsOf, type Tallies } from '../../../src/system/architectures/v5-kafka-clickhouse/speed/tallies.ts'
import { addOrder, emptyDashboard } from '../../../src/system/dashboard.ts'
import type { Order } from '../../../src/system/event.ts'
import { encodeOrders, RECORD_BYTES } from '../../../src/system/record.ts'
import { randomOrders } from '../orders.ts'

const NOW_MS = Date.UTC(2026, 10, 21)

function talliesOf(orders: readonly Order[]): Tallies {
  const tallies = emptyTallies()
  const records = encodeOrders(orders)
  for (let at = 0; at < records.length; at += RECORD_BYTES) addRecord(tallies, records, at)
  return tallies
}

function foldOf(orders: readonly Order[]) {
  const { count, revenueCents, byProduct, byStore, byType, byHour } = orders.reduce((sum, order) => (addOrder(sum, order), sum), emptyDashboard())
  return { count, revenueCents, byProduct, byStore, byType, byHour }
}

describe('tallies', () => {
  const cases = fc.tuple(fc.nat(300), fc.nat(300), fc.nat())
  it('say what a dashboard of the same orders says; sums of sums are the sum of all; written and read they are the same', () => {
    fc.assert(fc.property(cases, ([some, more, seed]) => {
      const a = randomOrders(some, seed, NOW_MS)
      const b = randomOrders(more, seed + 1, NOW_MS)
      expect(totalsOf(talliesOf(a))).toEqual(foldOf(a))
      const sum = talliesOf(a)
      addTallies(sum, talliesOf(b))
      const read = emptyTallies()
      for (const it of [a, b]) addEncoded(read, Buffer.concat([Buffer.alloc(24), encodeTallies(talliesOf(it))]), 24)
      const totals = emptyTotals()
      for (const it of [a, b]) addTotals(totals, totalsOf(talliesOf(it)))
      for (const it of [totalsOf(sum), totalsOf(read), totals]) expect(it).toEqual(foldOf([...a, ...b]))
    }), { numRuns: 30 })
  })

  it('refuses what is cut off or out of its places', () => {
    const bytes = encodeTallies(talliesOf(randomOrders(5, 1, NOW_MS)))
    expect(() => addEncoded(emptyTallies(), bytes.subarray(0, -1))).toThrow(/cut off/)
    expect(() => addEncoded(emptyTallies(), Buffer.from([1, 99, 1, 1, 0]))).toThrow(/place 99/)
  })
})

describe('where the batch layer ends among the buckets', () => {
  const bucket = (from: number, to: number) => ({ from, to, sums: `${from}–${to}` })
  const buckets = [bucket(100, 150), bucket(150, 170), bucket(170, 200)]
  it.each([
    ['before the first: all', 100, 100, buckets],
    ['before the first, and only duplicates between: all', 80, 80, buckets],
    ['further back than they reach: none', 79, 80, []],
    ['at the end of one: those after it', 150, 100, buckets.slice(1)],
    ['at the end of the last: none', 200, 100, []],
    ['inside of one: none, as a part of it would be in both or in neither', 160, 100, []],
    ['beyond the last: none', 250, 100, []],
  ])('%s', (_, reached, since, expected) => {
    expect(beyond({ start: 100, since, buckets }, reached)).toEqual(expected)
  })

  const ends = { start: 100, ends: [150, 170, 200] }
  it.each([
    ['at their beginning', 100, undefined, [150, 170, 200]],
    ['between two', 150, undefined, [170, 200]],
    ['with a cut that ends between two', 150, 170, [170, 200]],
    ['with a cut beyond them', 170, 220, [200]],
    ['beyond them', 230, undefined, []],
    ['inside of one', 160, undefined, undefined],
    ['with a cut that ends inside of one', 150, 180, undefined],
  ])('boundaries for who takes over %s', (_, from, noteTo, expected) => {
    expect(boundariesFrom(ends, from, noteTo)).toEqual(expected)
  })
})
