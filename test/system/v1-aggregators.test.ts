import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fieldsOf, shownOf } from '../../src/system/architectures/v1-postgres-cron/counters/hot-hash.ts'
import { onSchedule, waitMs } from '../../src/system/architectures/v1-postgres-cron/aggregate/schedule.ts'
import { addOrder, emptyDashboard, topProducts, type Dashboard } from '../../src/system/dashboard.ts'
import type { Order } from '../../src/system/event.ts'
import { createTallies } from '../../src/system/postgres/tallies.ts'
import { dashboardFromTotals, totalsFromDashboard } from '../../src/system/postgres/totals.ts'
import { randomOrders, withoutMoment } from './orders.ts'

it.each([
  ['fixed', 1_000, 0, false, 1_000],
  ['fixed', 1_000, 300, false, 700],
  ['fixed', 1_000, 1_000, false, 0],
  ['fixed', 1_000, 5_000, false, 0],
  ['adaptive', 1_000, 300, false, 700],
  ['adaptive', 1_000, 500, false, 500],
  ['adaptive', 1_000, 501, false, 501],
  ['adaptive', 1_000, 20_000, false, 20_000],
  ['adaptive', 60_000, 20_000, false, 40_000],
  ['fixed', 3_600_000, 50, true, 1_000],
  ['fixed', 200, 50, true, 200],
  ['fixed', 200, 5_000, true, 200],
  ['adaptive', 200, 5_000, true, 1_000],
] as const)('%s, interval %i ms: after a run of %i ms (failed: %s) the next begins in %i ms', (schedule, interval, tookMs, failed, expected) => {
  expect(waitMs({ schedule, interval }, { tookMs, failed })).toBe(expected)
})

it('runs one after the other, and an abort ends the wait but no run', async () => {
  const stop = new AbortController()
  const log: string[] = []
  await onSchedule({ schedule: 'fixed', interval: 3_600_000 }, async () => {
    log.push('begins')
    queueMicrotask(() => stop.abort())
    await Promise.resolve()
    await Promise.resolve()
    log.push('ends')
    return { tookMs: 1, failed: false }
  }, stop.signal)
  expect(log).toEqual(['begins', 'ends'])
})

function dashboardOf(orders: readonly Order[]): Dashboard {
  const dashboard = emptyDashboard()
  for (const order of orders) addOrder(dashboard, order)
  dashboard.top = topProducts(dashboard.byProduct)
  return dashboard
}

it('totals made from a dashboard make that dashboard', () => {
  fc.assert(fc.property(fc.nat(300), fc.nat(), (count, seed) => {
    const dashboard = dashboardOf(randomOrders(count, seed, Date.now()))
    expect(withoutMoment(dashboardFromTotals(totalsFromDashboard(dashboard), 0))).toEqual(withoutMoment(dashboard))
  }), { numRuns: 50 })
})

/** Redis as far as the counters need it: HINCRBY of field after field. */
function raise(hash: Record<string, string>, orders: readonly Order[]): void {
  const tallies = createTallies()
  for (const order of orders) tallies.add(order)
  const fields = fieldsOf(tallies.columns())
  for (let i = 0; i < fields.length; i += 2) hash[String(fields[i])] = String(Number(hash[String(fields[i])] ?? 0) + Number(fields[i + 1]))
}

/** One after the other: orders are committed; what is raised of them is raised or lost; the cron runs. */
const step = fc.oneof(
  fc.record({ does: fc.constant('commits' as const), orders: fc.integer({ min: 1, max: 8 }), raised: fc.boolean() }),
  fc.record({ does: fc.constant('cron runs' as const) }),
  fc.record({ does: fc.constant('redis forgets' as const) }),
)

it('hot counters: never more than is stored, never back, always adding up, exact after the cron', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), fc.nat(), (steps, seed) => {
    const pool = randomOrders(400, seed, Date.now())
    let stored: Order[] = []
    let hash: Record<string, string> = {}
    let projected: { version: number; json: string } | undefined
    let before = 0
    const cron = () => {
      const dashboard = dashboardOf(stored)
      projected = { version: dashboard.count, json: JSON.stringify(dashboard) }
    }
    const look = () => {
      const shown = shownOf(hash, projected, 0) ?? emptyDashboard()
      const sum = (map: Dashboard['byType']) => Object.values(map).reduce((all, it) => ({ count: all.count + it.count, revenueCents: all.revenueCents + it.revenueCents }), { count: 0, revenueCents: 0 })
      for (const map of [shown.byProduct, shown.byStore, shown.byType, shown.byHour]) expect(sum(map)).toEqual({ count: shown.count, revenueCents: shown.revenueCents })
      expect(shown.version).toBe(shown.count)
      expect(shown.count).toBeLessThanOrEqual(stored.length)
      expect(shown.count).toBeGreaterThanOrEqual(before)
      before = shown.count
    }
    for (const it of steps) {
      if (it.does === 'commits') {
        const orders = pool.slice(stored.length, stored.length + it.orders)
        stored = [...stored, ...orders]
        if (it.raised) raise(hash, orders)
      } else if (it.does === 'cron runs') cron()
      else {
        // What was shown by the hot counters alone is forgotten with them.
        hash = {}
        before = 0
      }
      look()
    }
    cron()
    expect(withoutMoment(shownOf(hash, projected, 0)!)).toEqual(withoutMoment(dashboardOf(stored)))
  }), { numRuns: 200 })
})
