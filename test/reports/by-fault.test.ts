import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countByFault, dueStretches } from '../../src/reports/by-fault.ts'
import type { FaultState } from '../../src/run/state.ts'

const at = (...seconds: number[]) => seconds.map((second): FaultState => ({ fault: 'kill', service: 'worker', replica: 1, injectedAtMs: second * 1_000 }))

test('an event is laid to the fault that came up to five seconds after it was due, and to those before the next', () => {
  const counted = countByFault(dueStretches(at(20, 60)))
  for (const second of [14.9, 15, 20, 54.9, 55, 300]) counted.count('lost', second * 1_000)
  expect(counted.all.map(({ lost }) => lost)).toEqual([3, 2])
})

test('no event is laid to two faults, however close they are', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 8 }), fc.array(fc.integer({ min: 0, max: 70_000 })), (seconds, due) => {
      const stretches = dueStretches(at(...seconds.toSorted((a, b) => a - b)))
      const first = stretches[0]!.fromMs!
      const holding = (ms: number) => stretches.filter(({ fromMs = -Infinity, toMs = Infinity }) => ms >= fromMs && ms <= toMs).length
      for (const ms of due) expect(holding(ms)).toBe(ms >= first ? 1 : 0)
    }),
  )
})
