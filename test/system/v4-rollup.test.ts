import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHeldTotals, finished } from '../../src/system/architectures/v4-rabbitmq-tenants/read/held-totals.ts'
import { stepEnd } from '../../src/system/architectures/v4-rabbitmq-tenants/read/rollup-step.ts'
import { spanOf } from '../../src/system/architectures/v4-rabbitmq-tenants/read/span.ts'
import { createWatermarkAge } from '../../src/system/architectures/v4-rabbitmq-tenants/read/watermark-age.ts'
import { countHistory, encodeHistory } from '../../src/system/architectures/v4-rabbitmq-tenants/seed-rows.ts'
import { addOrder, emptyDashboard, type Dashboard } from '../../src/system/dashboard.ts'
import type { Order, OwnedOrder } from '../../src/system/event.ts'
import { totalsFromDashboard, type TotalsRow } from '../../src/system/postgres/totals.ts'
import { expectedDashboard, randomOrders, withoutMoment } from './orders.ts'

const HOUR_MS = 3_600_000

describe('a step of the rollup ends', () => {
  it.each([
    ['nowhere, when there is nothing', { horizon: '20', first: null, nth: null }, undefined],
    ['nowhere, when all that is new is still running', { horizon: '20', first: '20', nth: null }, undefined],
    ['at the oldest that is running, when there is not much', { horizon: '20', first: '10', nth: null }, '20'],
    ['there also when what is too much is still running', { horizon: '20', first: '10', nth: '25' }, '20'],
    ['before the transaction that would be too much', { horizon: '20', first: '10', nth: '15' }, '15'],
    ['after a transaction that is too much by itself', { horizon: '20', first: '10', nth: '10' }, '11'],
    ['where numbers are larger than 2^53', { horizon: '9007199254740999', first: '9007199254740993', nth: '9007199254740993' }, '9007199254740994'],
  ])('%s', (_when, span, end) => {
    expect(stepEnd(span)).toBe(end)
  })
})

describe('a span of time', () => {
  it('is whole hours and what is cut off, each moment in exactly one of them', () => {
    const ms = fc.integer({ min: -3 * HOUR_MS, max: 5 * HOUR_MS })
    const near = fc.tuple(fc.integer({ min: -3, max: 5 }), fc.integer({ min: -1, max: 1 })).map(([hour, by]) => hour * HOUR_MS + by)
    const moment = fc.oneof(ms, near)
    fc.assert(fc.property(moment, moment, moment, (a, b, at) => {
      const [fromMs, toMs] = [Math.min(a, b), Math.max(a, b)]
      const { hours, before, after } = spanOf({ fromMs, toMs })
      const hour = Math.floor(at / HOUR_MS)
      const parts = [hour >= hours[0] && hour < hours[1], at >= before[0] && at < before[1], at >= after[0] && at < after[1]]
      expect(parts.filter(Boolean)).toHaveLength(at >= fromMs && at < toMs ? 1 : 0)
    }), { numRuns: 2_000 })
  })
})

describe('the age of the watermark', () => {
  it('is that of the newest moment before which all is rolled up', () => {
    const age = createWatermarkAge(0)
    expect(age.seconds(5_000)).toBe(5)
    age.ran({ atMs: 10_000, next: '100', horizon: '100' })
    expect(age.seconds(12_000)).toBe(2)
    // Transaction 105 stays open.
    age.ran({ atMs: 20_000, next: '110', horizon: '105' })
    age.ran({ atMs: 30_000, next: '120', horizon: '105' })
    expect(age.seconds(31_000)).toBe(21)
    age.ran({ atMs: 40_000, next: '130', horizon: '115' })
    expect(age.seconds(41_000)).toBe(21)
    age.ran({ atMs: 50_000, next: '140', horizon: '140' })
    expect(age.seconds(51_000)).toBe(1)
  })
})

describe('held totals', () => {
  const rowsOf = (orders: readonly Order[]): TotalsRow[] => totalsFromDashboard(orders.reduce((dashboard: Dashboard, one) => (addOrder(dashboard, one), dashboard), emptyDashboard()))
  const notOld = (rows: TotalsRow[], since: number) => rows.filter(({ dimension, key }) => dimension !== 'hour' || key >= since)
  const nowMs = Date.UTC(2026, 10, 21, 8, 30)
  const thisHour = Math.floor(nowMs / HOUR_MS)

  it('follow from what has changed, and take nothing where an hour that was not read has changed as well', () => {
    const sum = emptyDashboard()
    const held = [createHeldTotals(sum), createHeldTotals(sum)]
    const old = randomOrders(200, 1, nowMs)
    const others = randomOrders(50, 2, nowMs)
    expect(held[0]!.take(rowsOf(old), true)).toBe(true)
    expect(held[1]!.take(rowsOf(others), true)).toBe(true)
    const recent = randomOrders(40, 3, nowMs).map((it) => ({ ...it, timestampMs: nowMs }))
    expect(held[0]!.take(notOld(rowsOf([...old, ...recent]), thisHour), false)).toBe(true)
    expect(withoutMoment(held[0]!.dashboard(nowMs))).toEqual(expectedDashboard([...old, ...recent]))
    const late = { ...recent[0]!, timestampMs: nowMs - 50 * HOUR_MS }
    const now = [...old, ...recent, ...recent, late]
    expect(held[0]!.take(notOld(rowsOf(now), thisHour), false)).toBe(false)
    expect(withoutMoment(held[0]!.dashboard(nowMs))).toEqual(expectedDashboard([...old, ...recent]))
    expect(held[0]!.take(rowsOf(now), true)).toBe(true)
    expect(withoutMoment(held[0]!.dashboard(nowMs))).toEqual(expectedDashboard(now))
    expect(withoutMoment(finished(sum, nowMs))).toEqual(expectedDashboard([...now, ...others]))
    expect(held[0]!.dashboard(nowMs).version).toBe(now.length)
  })
})

describe('history', () => {
  const orders: OwnedOrder[] = [1, 2].flatMap((workspace) => randomOrders(300, 4, Date.UTC(2026, 0, 1)).map((it) => ({ ...it, owner: String(workspace) })))
  const placeOf = ({ owner }: OwnedOrder) => ({ workspace: Number(owner), project: 7 })

  it('is counted by workspace, dimension, hour and key', () => {
    const [workspaces, dimensions, hours, keys, counts, cents, mins, maxes] = countHistory([orders], placeOf) as [number[], string[], number[], number[], number[], number[], number[], number[]]
    for (const dimension of ['hour', 'type', 'store', 'product']) {
      for (const workspace of [1, 2]) {
        const at = workspaces.flatMap((it, i) => (it === workspace && dimensions[i] === dimension ? [i] : []))
        const theirs = orders.filter((it) => it.owner === String(workspace))
        expect(at.reduce((sum, i) => sum + counts[i]!, 0)).toBe(300)
        expect(at.reduce((sum, i) => sum + cents[i]!, 0)).toBe(theirs.reduce((sum, it) => sum + it.amountCents, 0))
        expect(Math.min(...at.map((i) => mins[i]!))).toBe(Math.min(...theirs.map((it) => it.amountCents)))
        expect(Math.max(...at.map((i) => maxes[i]!))).toBe(Math.max(...theirs.map((it) => it.amountCents)))
        expect(new Set(at.map((i) => `${hours[i]} ${keys[i]}`)).size).toBe(at.length)
      }
    }
  })

  it('has rows of one width, of transaction 0', () => {
    const bytes = encodeHistory(orders.slice(0, 2), placeOf)
    expect(bytes).toHaveLength(2 * 88)
    expect(bytes.readInt16BE(88)).toBe(9)
    expect(bytes.readInt32BE(88 + 6)).toBe(1)
    expect(bytes.subarray(88 + 80, 2 * 88).equals(Buffer.alloc(8))).toBe(true)
  })
})
