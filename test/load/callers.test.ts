import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { callerPicker, visitCaller, visitGroup } from '../../src/load/callers.ts'
import type { LoadPhase } from '../../src/load/control.ts'
import { officeOrders } from '../../src/load/customers.ts'
import { requestWriter } from '../../src/load/requests.ts'
import { customersFor } from '../../src/system/architectures/v1-postgres-cron/callers.ts'

const share = (share: number) => ({ share })

test('each sends its share of the visits', () => {
  const shares = [5, 0, 3, 2]
  const pick = callerPicker(shares.map(share), 7)
  const counts = [0, 0, 0, 0]
  for (let sequence = 0; sequence < 100_000; sequence++) counts[pick(0, sequence)]! += 1
  // Five standard deviations of a binomial of 100,000 are 800 at the most.
  for (const [caller, weight] of shares.entries()) expect(Math.abs(counts[caller]! - weight * 10_000)).toBeLessThan(800)
  expect(counts[1]).toBe(0)
})

test("v1's thousand customers: by Zipf's law, each with a name of its own", () => {
  expect(customersFor({ rateLimit: 'off' })).toEqual([])
  const customers = customersFor({ rateLimit: '600/min' })
  expect(new Set(customers.map(({ headers }) => headers['X-Customer'])).size).toBe(1_000)
  expect(customers[41]!.headers).toEqual({ 'X-Customer': 'customer-0042' })
  const pick = callerPicker(customers, 1)
  const counts = new Array<number>(1_000).fill(0)
  for (let sequence = 0; sequence < 200_000; sequence++) counts[pick(0, sequence)]! += 1
  // 1 / 7.4855, the 1,000th harmonic number, of 200,000; and half of it.
  expect(Math.abs(counts[0]! - 26_718)).toBeLessThan(800)
  expect(Math.abs(counts[1]! - 13_359)).toBeLessThan(600)
  expect(counts.slice(500).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0.07 * 200_000)
})

test('the same for the same seed, source and sequence, and another otherwise', () => {
  const callers = Array.from({ length: 1_000 }, () => share(1))
  const drawn = (seed: number, source: number) => Array.from({ length: 200 }, (_, sequence) => callerPicker(callers, seed)(source, sequence))
  expect(drawn(1, 0)).toEqual(drawn(1, 0))
  expect(drawn(2, 0)).not.toEqual(drawn(1, 0))
  expect(drawn(1, 1)).not.toEqual(drawn(1, 0))
})

test('always a caller that has a share', () => {
  const shares = fc.array(fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e6, noNaN: true })), { minLength: 1, maxLength: 50 }).filter((all) => all.some((one) => one > 0))
  fc.assert(
    fc.property(shares, fc.integer(), fc.nat(), (all, seed, sequence) => {
      expect(all[callerPicker(all.map(share), seed)(0, sequence)]).toBeGreaterThan(0)
    }),
  )
})

test.each([[[]], [[0, 0]], [[1, -1]], [[NaN]]])('shares %j are refused', (shares) => expect(() => callerPicker(shares.map(share), 1)).toThrow(RangeError))

test('a request carries the headers of its caller beside those of the plan, and its body stays what it was', () => {
  const plan = { baseUrl: 'http://127.0.0.1:1', path: '/api/v1', headers: { 'X-All': 'x' }, seed: 3, runTag: 1, injector: 0 }
  const callers = ['a', 'b', 'c'].map((name, i) => ({ share: 3 - i, headers: { 'X-Customer': name } }))
  const [plain, called] = [requestWriter(plan), requestWriter({ ...plan, callers })]
  const pick = callerPicker(callers, plan.seed)
  const nameOf = (request: string) => /\r\nX-All: x\r\nX-Customer: (\w)\r\n/.exec(request)?.[1]
  const body = (request: string) => request.split('\r\n\r\n')[1]
  for (let n = 0; n < 50; n++) {
    const order = called.commuter(n, 1.7e12)
    expect(nameOf(order)).toBe(callers[pick(0, n)]!.headers['X-Customer'])
    expect(body(order)).toBe(body(plain.commuter(n, 1.7e12)))
    expect(nameOf(called.office(n, 5, 1.7e12))).toBe(callers[pick(1, n)]!.headers['X-Customer'])
    expect(nameOf(called.browser(n, 1.7e12))).toBe(callers[pick(2, n)]!.headers['X-Customer'])
    expect(nameOf(called.analyst(n, 1.7e12))).toBe(callers[pick(3, n)]!.headers['X-Customer'])
    expect(called.saturationHeaders?.(n, 1.7e12)).toEqual({ 'X-All': 'x', 'X-Customer': callers[pick(4, n)]!.headers['X-Customer'], 'Content-Type': 'application/json' })
  }
  expect(plain.saturationHeaders).toBeUndefined()
})

test('an office brings 5 to 20, which follows from its first sequence', () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(), (seed, first) => {
      const orders = officeOrders(seed, first)
      expect(orders).toBeGreaterThanOrEqual(5)
      expect(orders).toBeLessThanOrEqual(20)
    }),
  )
})

test('reads carry the headers that a caller has for them, and orders the others', () => {
  const plan = { baseUrl: 'http://127.0.0.1:1', path: '/api/v4', headers: {}, seed: 3, runTag: 1, injector: 0 }
  const write = requestWriter({ ...plan, callers: [{ share: 1, headers: { 'X-API-Key': 'key' }, readHeaders: { Authorization: 'Bearer token' } }] })
  for (const order of [write.commuter(0, 1e12), write.office(0, 5, 1e12)]) {
    expect(order).toContain('\r\nX-API-Key: key\r\n')
    expect(order).not.toContain('Authorization')
  }
  for (const read of [write.browser(0, 1e12), write.analyst(0, 1e12)]) {
    expect(read).toContain('\r\nAuthorization: Bearer token\r\n')
    expect(read).not.toContain('X-API-Key')
  }
  expect(write.saturationHeaders?.(0, 1e12)).toEqual({ 'X-API-Key': 'key', 'Content-Type': 'application/json' })
})

describe('a noisy phase', () => {
  const START_MS = 1e12
  const callers = [{ ...share(1), headers: {}, noisy: true }, { ...share(3), headers: {} }, { ...share(1), headers: {} }]
  const phase = (name: string, noisyShare?: number): LoadPhase => ({ name, durationMs: 1_000, shape: { kind: 'constant', rate: 1 }, ...(noisyShare !== undefined && { noisyShare }) })
  const plan = { callers, seed: 5, startAtMs: START_MS, phases: [phase('calm'), phase('noisy', 0.8), phase('calm-again')] }
  const counted = (timeMs: number) => {
    const pick = visitCaller(plan)
    const counts = [0, 0, 0]
    for (let sequence = 0; sequence < 50_000; sequence++) counts[pick(0, sequence, timeMs)]! += 1
    return counts
  }

  test.each([
    ['before it', START_MS + 999, [10_000, 30_000, 10_000]],
    ['in its first ms', START_MS + 1_000, [40_000, 7_500, 2_500]],
    ['in its last ms', START_MS + 1_999, [40_000, 7_500, 2_500]],
    ['after it', START_MS + 2_000, [10_000, 30_000, 10_000]],
    ['after the load', START_MS + 9_000, [10_000, 30_000, 10_000]],
  ] as const)('%s', (_when, timeMs, expected) => {
    // Five standard deviations of a binomial of 50,000 are 560 at the most.
    for (const [caller, count] of counted(timeMs).entries()) expect(Math.abs(count - expected[caller]!)).toBeLessThan(560)
  })

  test('tells the noisy from the others, and only where some phase is noisy and there are both', () => {
    const groupOf = visitGroup(plan)!
    const pick = visitCaller(plan)
    for (let sequence = 0; sequence < 100; sequence++) expect(groupOf(1, sequence, START_MS + 1_500)).toBe(pick(1, sequence, START_MS + 1_500) === 0 ? 'noisy' : 'others')
    expect(visitGroup({ ...plan, phases: [phase('calm')] })).toBeUndefined()
    expect(visitGroup({ ...plan, callers: callers.slice(0, 1) })).toBeUndefined()
    expect(visitGroup({ ...plan, callers: callers.slice(1) })).toBeUndefined()
    expect(visitGroup({ ...plan, callers: [] })).toBeUndefined()
  })
})
