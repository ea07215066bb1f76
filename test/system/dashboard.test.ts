import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { analyse } from '../../src/system/analytics.ts'
import { addOrder, emptyDashboard, hourKey, topProducts, type Dashboard } from '../../src/system/dashboard.ts'
import { applyDiff, diffDashboards } from '../../src/system/diff.ts'
import type { Order } from '../../src/system/event.ts'
import { expectedDashboard, randomOrders } from './orders.ts'

const NOW = Date.UTC(2026, 10, 21, 8)

function fold(orders: readonly Order[]): Dashboard {
  const dashboard = emptyDashboard()
  for (const order of orders) addOrder(dashboard, order)
  return { ...dashboard, top: topProducts(dashboard.byProduct) }
}

describe('the dashboard', () => {
  it('keys hours by their start in UTC', () => {
    expect(hourKey(Date.UTC(2026, 10, 21, 7, 59, 59, 999))).toBe('2026-11-21T07:00Z')
    expect(hourKey(Date.UTC(2026, 10, 21, 8))).toBe('2026-11-21T08:00Z')
    expect(hourKey(Date.UTC(2026, 10, 21, 7, 59, 59, 999))).toBe('2026-11-21T07:00Z')
  })

  it('has five products on top, ties by name', () => {
    const tally = (count: number) => ({ count, revenueCents: 0 })
    const top = topProducts({ mocha: tally(1), latte: tally(2), chai: tally(1), bagel: tally(1), cookie: tally(3), muffin: tally(1), filter: tally(1) })
    expect(top.map((it) => it.product)).toEqual(['cookie', 'latte', 'bagel', 'chai', 'filter'])
  })

  it('does not depend on the order of events (property)', () => {
    fc.assert(fc.property(fc.integer(), fc.integer({ min: 0, max: 60 }), (seed, count) => {
      const orders = randomOrders(count, seed, NOW)
      expect(expectedDashboard(orders.toReversed())).toEqual(expectedDashboard(orders))
    }), { numRuns: 50 })
  })

  it('counts every event in each of its maps (property)', () => {
    fc.assert(fc.property(fc.integer(), (seed) => {
      const dashboard = fold(randomOrders(100, seed, NOW))
      for (const map of [dashboard.byProduct, dashboard.byStore, dashboard.byType, dashboard.byHour]) {
        const tallies = Object.values(map)
        expect(tallies.reduce((sum, it) => sum + it.count, 0)).toBe(dashboard.count)
        expect(tallies.reduce((sum, it) => sum + it.revenueCents, 0)).toBe(dashboard.revenueCents)
      }
    }), { numRuns: 50 })
  })
})

describe('a diff', () => {
  it('applied to what it came from gives what it led to (property)', () => {
    fc.assert(fc.property(fc.integer(), fc.nat(40), fc.nat(40), (seed, before, more) => {
      const orders = randomOrders(before + more, seed, NOW)
      const [earlier, later] = [fold(orders.slice(0, before)), fold(orders)]
      const diff = diffDashboards(earlier, later)
      expect(diff.from).toBe(earlier.version)
      expect(applyDiff(earlier, diff)).toEqual(later)
    }), { numRuns: 100 })
  })

  it('holds only what changed, as absolute values', () => {
    const [first, second] = randomOrders(2, 7, NOW) as [Order, Order]
    const diff = diffDashboards(fold([first, second]), fold([first, second, first]))
    expect(diff.byProduct).toEqual({ [first.product]: { count: first.product === second.product ? 3 : 2, revenueCents: expect.any(Number) as number } })
  })

  it('that does not follow is refused', () => {
    const orders = randomOrders(3, 1, NOW)
    expect(applyDiff(fold(orders.slice(0, 1)), diffDashboards(fold(orders.slice(0, 2)), fold(orders)))).toBeUndefined()
  })
})

describe('analytics', () => {
  it('takes from inclusive and to exclusive, with average, least and most', () => {
    const order = (amountCents: number, timestampMs: number): Order => ({ id: String(timestampMs), type: 'order_placed', store: 'store-01', product: 'latte', amountCents, timestampMs })
    const rows = analyse([order(100, 10), order(250, 19), order(1, 9), order(1, 20)], { fromMs: 10, toMs: 20, by: 'product' })
    expect(rows).toEqual([{ key: 'latte', count: 2, revenueCents: 350, avgCents: 175, minCents: 100, maxCents: 250 }])
  })
})
