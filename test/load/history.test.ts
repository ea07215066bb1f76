import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { orderBody } from '../../src/load/customers.ts'
import { freshRange, historyIdAt, historyOf, historyOrders, historyTimeMs, placeInHistory, type History } from '../../src/load/history.ts'
import { MAX_SEQUENCE, MAX_SOURCE, parseOrderId } from '../../src/load/order-id.ts'
import type { Order } from '../../src/system/event.ts'

const TO_MS = Date.UTC(2026, 10, 21)
const DAY_MS = 86_400_000

const histories = fc.record({
  orders: fc.integer({ min: 1, max: 100_000_000 }),
  seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  days: fc.integer({ min: 1, max: 365 }),
  source: fc.integer({ min: 0, max: MAX_SOURCE }),
  firstSequence: fc.integer({ min: 0, max: MAX_SEQUENCE - 100_000_000 }),
}).map((parts) => historyOf({ ...parts, toMs: TO_MS }))
/** A history and a place in it. */
const places = histories.chain((history) => fc.tuple(fc.constant(history), fc.integer({ min: 0, max: history.orders - 1 })))

async function all(history: History, batch?: number, signal?: AbortSignal): Promise<Order[]> {
  const orders: Order[] = []
  for await (const some of historyOrders(history, batch, signal)) orders.push(...some)
  return orders
}

test('every order follows from seed and id, and its id names its place', () => {
  fc.assert(
    fc.property(places, ([history, n]) => {
      const parts = parseOrderId(historyIdAt(history, n))!
      expect(parts).toEqual({ timeMs: historyTimeMs(history, n), runTag: 0, source: history.source, sequence: history.firstSequence + n })
      expect(placeInHistory(history, parts)).toBe(n)
    }),
  )
})

test('times lie within the days asked for, and never go back', () => {
  fc.assert(
    fc.property(places, ([history, n]) => {
      const timeMs = historyTimeMs(history, n)
      expect(timeMs).toBeGreaterThanOrEqual(history.fromMs)
      expect(timeMs).toBeLessThan(history.toMs)
      expect(historyTimeMs(history, n + 1)).toBeGreaterThanOrEqual(timeMs)
    }),
  )
})

test('spread evenly: every day of thirty has a thirtieth', async () => {
  const perDay = new Map<number, number>()
  for (const { timestampMs } of await all(historyOf({ orders: 30_000, seed: 1, toMs: TO_MS }))) {
    const day = Math.floor((timestampMs - TO_MS) / DAY_MS)
    perDay.set(day, (perDay.get(day) ?? 0) + 1)
  }
  expect([...perDay.keys()]).toEqual(Array.from({ length: 30 }, (_, i) => i - 30))
  for (const orders of perDay.values()) expect(orders).toBe(1_000)
})

test.each([[1, 1], [7, 3], [9, 3], [10_001, 5_000]])('%i orders in batches of %i: all of them, in order', async (orders, batch) => {
  const history = historyOf({ orders, seed: 5, toMs: TO_MS, source: 9, firstSequence: 100 })
  const made = await all(history, batch)
  expect(made.map(({ id }) => id)).toEqual(Array.from({ length: orders }, (_, n) => historyIdAt(history, n)))
  expect(made.at(-1)).toEqual(orderBody(5, made.at(-1)!.id, parseOrderId(made.at(-1)!.id)!))
})

test('ends early, between two batches, once the signal is aborted', async () => {
  const stop = new AbortController()
  const seen: number[] = []
  for await (const batch of historyOrders(historyOf({ orders: 100, seed: 1, toMs: TO_MS }), 10, stop.signal)) {
    seen.push(batch.length)
    if (seen.length === 3) stop.abort()
  }
  expect(seen).toEqual([10, 10, 10])
})

describe('no order of this history', () => {
  const history = historyOf({ orders: 100, seed: 1, toMs: TO_MS, source: 3, firstSequence: 50 })
  const third = parseOrderId(historyIdAt(history, 3))!
  test.each([
    ['of a run', { runTag: 1 }],
    ['of another source', { source: 4 }],
    ['before the first', { sequence: 49 }],
    ['after the last', { sequence: 150 }],
    ['at another time', { timeMs: third.timeMs + 1 }],
  ])('%s', (_, change) => expect(placeInHistory(history, { ...third, ...change })).toBe(-1))
})

describe('a range for another filling', () => {
  test('never meets one that ended before, at up to a million orders a second', () => {
    const orders = fc.integer({ min: 1, max: 100_000_000 })
    fc.assert(
      fc.property(orders, orders, fc.integer({ min: TO_MS, max: TO_MS + 1_000 * DAY_MS }), fc.integer({ min: 0, max: 5 * DAY_MS }), (many, more, startMs, pauseMs) => {
        const first = freshRange(many, startMs, 1)
        const second = freshRange(more, startMs + Math.ceil(many / 1_000) + pauseMs, 1)
        expect(first.firstSequence + many - 1).toBeLessThanOrEqual(MAX_SEQUENCE)
        // Once in 12.7 days the clock's microsecond passes its 40 bits; then the next begins anew, before the first.
        const passed = second.firstSequence < first.firstSequence
        if (passed) expect(second.firstSequence + more).toBeLessThanOrEqual(MAX_SEQUENCE + 1)
        else expect(second.firstSequence).toBeGreaterThanOrEqual(first.firstSequence + many)
      }),
    )
  })
  test('a sequence without room is refused', () => {
    expect(() => historyOf({ orders: 2, seed: 1, toMs: TO_MS, firstSequence: MAX_SEQUENCE })).toThrow(RangeError)
    expect(() => historyOf({ orders: 1, seed: 1, toMs: TO_MS, source: MAX_SOURCE + 1 })).toThrow(RangeError)
  })
})
