import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addRows, createCells } from '../../src/system/architectures/v3-kafka-flink/cells.ts'
import { encodeOrder } from '../../src/system/architectures/v3-kafka-flink/encode.ts'
import { createWindows } from '../../src/system/architectures/v3-kafka-flink/windows.ts'
import { ORDER_TYPES, PRODUCTS, STORES } from '../../src/system/event.ts'
import { dashboardFromTotals } from '../../src/system/postgres/totals.ts'
import { expectedDashboard, randomOrders, withoutMoment } from './orders.ts'

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value))

describe('an order on its way to Flink', () => {
  it('is JSON with positions for names', () => {
    for (const order of randomOrders(200, 1, Date.UTC(2026, 0, 1))) {
      expect(JSON.parse(encodeOrder(order).toString())).toEqual({
        id: order.id, type: ORDER_TYPES.indexOf(order.type), store: STORES.indexOf(order.store), product: PRODUCTS.indexOf(order.product),
        amountCents: order.amountCents, timestampMs: order.timestampMs,
      })
    }
  })
})

/** What Flink says while it counts these orders one after the other. */
function saidOf(orders: ReturnType<typeof randomOrders>): { key: Buffer; value: Buffer }[] {
  const cells = new Map<string, { count: number; revenueCents: number; lateCount: number }>()
  return orders.map(({ type, store, product, amountCents, timestampMs }) => {
    const key = { hour: Math.floor(timestampMs / 3_600_000), product: PRODUCTS.indexOf(product), store: STORES.indexOf(store), type: ORDER_TYPES.indexOf(type) }
    const name = JSON.stringify(key)
    const cell = cells.get(name) ?? { count: 0, revenueCents: 0, lateCount: 0 }
    cells.set(name, cell)
    cell.count += 1
    cell.revenueCents += amountCents
    return { key: bytes(key), value: bytes(cell) }
  })
}

describe('running totals by cell', () => {
  it('are the dashboard, whatever is said again after going back to a checkpoint, in another order', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 0, max: 1_000 }), fc.nat(), fc.nat(), (count, seed, from, to) => {
      // Few cells, so that each has many events: one store, two hours.
      const orders = randomOrders(count, seed, Date.UTC(2026, 0, 1)).map((it, i) => ({ ...it, store: STORES[0]!, timestampMs: (i % 2) * 3_600_000 }))
      const cells = createCells()
      for (const { key, value } of saidOf(orders).slice(0, to % (count + 1))) cells.take(key, value)
      // The checkpoint was at `from`: until there as before, from there on the other way round.
      const checkpoint = from % ((to % (count + 1)) + 1)
      const again = saidOf([...orders.slice(0, checkpoint), ...orders.slice(checkpoint).reverse()]).slice(checkpoint)
      for (const { key, value } of again) cells.take(key, value)
      expect(withoutMoment(dashboardFromTotals(cells.rows(), 0))).toEqual(expectedDashboard(orders))
      expect(cells.count()).toBe(count)
    }))
  })

  it('never go back', () => {
    const cells = createCells()
    const key = bytes({ hour: 1, product: 2, store: 3, type: 0 })
    cells.take(key, bytes({ count: 7, revenueCents: 70, lateCount: 2 }))
    cells.take(key, bytes({ count: 5, revenueCents: 99 }))
    expect([cells.count(), cells.lateCount()]).toEqual([7, 2])
  })

  it.each([
    ['a key that is no cell', { hour: 1 }, { count: 1, revenueCents: 0 }],
    ['no count', { hour: 1, product: 1, store: 1, type: 1 }, { revenueCents: 0 }],
    ['a negative sum', { hour: 1, product: 1, store: 1, type: 1 }, { count: 1, revenueCents: -1 }],
  ])('throw on %s, and count nothing', (_, key, value) => {
    const cells = createCells()
    expect(() => cells.take(bytes(key), bytes(value))).toThrow()
    expect(cells.count()).toBe(0)
  })

  it('are added to history by dimension and key', () => {
    const row = (dimension: string, key: number, count: number) => ({ dimension, key, count, revenue_cents: 10 * count })
    expect(addRows([row('all', 0, 2), row('store', 1, 2)], [row('all', 0, 3), row('store', 4, 3)])).toEqual([row('all', 0, 5), row('store', 1, 2), row('store', 4, 3)])
    expect(addRows([row('all', 0, 2)], [])).toEqual([row('all', 0, 2)])
  })
})

describe('the time series', () => {
  const say = (windows: ReturnType<typeof createWindows>, start: number, count: number) => windows.take(bytes({ windowStartMs: start }), bytes({ count, revenueCents: 0 }))

  it('tells what has changed once, and everything when asked to', () => {
    const windows = createWindows()
    say(windows, 0, 1)
    say(windows, 10_000, 2)
    expect([...windows.changed().keys()]).toEqual([0, 10_000])
    expect(windows.changed().size).toBe(0)
    windows.touch()
    expect(windows.changed().get(10_000)).toEqual({ start: '1970-01-01T00:00:10.000Z', count: 2, revenueCents: 0 })
  })

  it('keeps the larger count of a window', () => {
    const windows = createWindows()
    say(windows, 0, 5)
    windows.changed()
    say(windows, 0, 4)
    expect(windows.changed().size).toBe(0)
  })

  it('is bounded: the oldest windows go', () => {
    const windows = createWindows()
    for (let i = 0; i < 20_000; i++) say(windows, i * 10_000, 1)
    expect(windows.oldestMs()).toBeGreaterThan(0)
    expect(windows.changed().size).toBeLessThanOrEqual(1.25 * 8_640)
    say(windows, 0, 9)
    expect(windows.changed().size).toBe(0)
  })
})
