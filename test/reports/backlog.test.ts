import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backlogGrowth } from '../../src/reports/backlog.ts'

const series = (values: readonly (number | undefined)[]) => values.map((backlog, second) => ({ second, backlog }))
const seconds = (count: number, of: (second: number) => number | undefined) => series(Array.from({ length: count }, (_, second) => of(second)))

describe('at 1,000 orders a second, over 30 s, the backlog grows by', () => {
  test.each([
    ['nothing: there is none', () => 0, 0],
    ['nothing: it is long, and stays so', () => 50_000, 0],
    ['nothing: it shrinks', (s: number) => 50_000 - 1_000 * s, 0],
    ['nothing: it jitters by a few hundred', (s: number) => [300, 20, 410, 90][s % 4]!, 0],
    ['5 %', (s: number) => 50 * s, 0.05],
    ['a tenth, whatever was there before', (s: number) => 7_000 + 100 * s, 0.1],
    ['nothing: a store that commits every 5 s', (s: number) => 1_000 * (s % 5), 0],
    ['nothing: one that commits every 9 s and began in the middle of it', (s: number) => 1_000 * ((s + 4) % 9), 0],
    ['nothing: one stall of 3 s that was caught up with', (s: number) => (s >= 12 && s < 18 ? 3_000 : 0), 0],
    ['nothing: one outlier at the very end', (s: number) => (s === 29 ? 9_000 : 5), 0],
  ])('%s', (_, of, grows) => expect(backlogGrowth(seconds(30, of), 1_000)).toBeCloseTo(grows, 2))

  test('4 % under a sawtooth of 5 s', () => expect(backlogGrowth(seconds(30, (s) => 1_000 * (s % 5) + 40 * s), 1_000)).toBeCloseTo(0.04, 2))
})

test('less than half a second of orders is a batch on its way', () => {
  expect(backlogGrowth(seconds(30, (s) => 20 * s), 1_000)).toBe(0)
  expect(backlogGrowth(seconds(30, (s) => 30 * s), 1_000)).toBeCloseTo(0.03, 3)
})

test('a few events are nothing, however low the rate', () => expect(backlogGrowth(seconds(30, (s) => (s > 15 ? 9 : 0)), 1)).toBe(0))

test('a gap is no backlog, and too many gaps are no measurement', () => {
  expect(backlogGrowth(seconds(30, (s) => (s % 3 === 0 ? undefined : 50 * s)), 1_000)).toBeCloseTo(0.05, 2)
  expect(backlogGrowth(seconds(30, (s) => (s > 20 ? undefined : 50 * s)), 1_000)).toBeUndefined()
  expect(backlogGrowth([], 1_000)).toBeUndefined()
  expect(backlogGrowth(seconds(30, () => 5), 0)).toBeUndefined()
})

test('any store that stores less than it is offered is found out, whenever it commits', () => {
  const commitEvery = fc.integer({ min: 1, max: 9 })
  const shortfall = fc.double({ min: 0.06, max: 1, noNaN: true })
  fc.assert(
    fc.property(commitEvery, fc.integer({ min: 0, max: 8 }), shortfall, fc.integer({ min: 100, max: 50_000 }), (every, began, missing, rate) => {
      // What is not stored piles up; the rest waits for the next commit.
      const points = seconds(30, (s) => rate * (missing * s + (1 - missing) * ((s + began) % every)))
      expect(backlogGrowth(points, rate)).toBeGreaterThan(0.01)
    }),
  )
})

test('any store that keeps up is not, whenever it commits', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 8 }), fc.integer({ min: 1, max: 50_000 }), fc.integer({ min: 0, max: 1_000_000 }), (every, began, rate, before) => {
      expect(backlogGrowth(seconds(30, (s) => before + rate * ((s + began) % every)), rate)).toBe(0)
    }),
  )
})
