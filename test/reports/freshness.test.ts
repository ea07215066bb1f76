import fc from 'fast-check'
import { expect, test } from 'vitest'
import { arrivalCurve } from '../../src/reports/freshness.ts'

function latencies(arrivals: readonly number[], seen: readonly (readonly [number, number])[]) {
  const curve = arrivalCurve(Math.min(...arrivals), Math.max(...arrivals))
  for (const timeMs of arrivals) curve.add(timeMs)
  const found: number[] = []
  const unseen = curve.against(seen, (ms, events) => found.push(...Array<number>(events).fill(ms)))
  return { found, unseen }
}

test.each([
  ['one event, shown 40 ms later', [1_000], [[1_040, 1]], [40], 0],
  ['two events in one push', [1_000, 1_010], [[1_100, 2]], [100, 90], 0],
  ['a count that stands still is no second showing', [1_000, 1_010], [[1_005, 1], [1_050, 1], [1_060, 2]], [5, 50], 0],
  ['events at the same moment, shown apart', [1_000, 1_000, 1_000], [[1_010, 1], [1_030, 3]], [10, 30, 30], 0],
  ['the last one never shown', [1_000, 1_010], [[1_020, 1]], [20], 1],
  ['nothing ever shown', [1_000], [], [], 1],
] as [string, number[], [number, number][], number[], number][])('%s', (_, arrivals, seen, found, unseen) => {
  expect(latencies(arrivals, seen)).toEqual({ found, unseen })
})

test('every event is either shown or unseen, and never before it was sent', () => {
  const arrivals = fc.array(fc.integer({ min: 1_000, max: 2_000 }), { minLength: 1, maxLength: 50 })
  const pushes = fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 10 })), { maxLength: 20 })
  fc.assert(
    fc.property(arrivals, pushes, (times, steps) => {
      let [atMs, count] = [900, 0]
      const seen = steps.map(([ms, more]) => [(atMs += ms), (count += more)] as const)
      const { found, unseen } = latencies(times, seen)
      expect(found.length + unseen).toBe(times.length)
      expect(found.every((ms) => ms >= 0)).toBe(true)
    }),
  )
})
