import { describe, expect, test } from 'vitest'
import { healing } from '../../src/experiment/healed.ts'
import { NO_COUNTS, sampleAt } from '../reports/records.ts'

describe('healed', () => {
  const after = (...patches: Parameters<typeof sampleAt>[1][]) => {
    const health = healing()
    for (let second = 1; second <= 5; second++) health.look(sampleAt(second))
    health.broke()
    patches.forEach((patch, i) => health.look(sampleAt(6 + i, patch)))
    return health.isHealed()
  }
  const rejecting = (second: number, rejected: number) => ({ counts: { events: { ...NO_COUNTS, ok: 100 * second, rejected }, reads: NO_COUNTS } })

  test('is three good seconds, not two', () => {
    expect(after({}, {})).toBe(false)
    expect(after({}, {}, {})).toBe(true)
  })
  test('is not while something fails', () => {
    expect(after(rejecting(6, 1), rejecting(7, 1), rejecting(8, 1))).toBe(false)
    expect(after(rejecting(6, 1), rejecting(7, 1), rejecting(8, 1), rejecting(9, 1))).toBe(true)
  })
  test('is not while the backlog is larger than a second of load, or unknown', () => {
    expect(after({ backlog: 101 }, { backlog: 101 }, { backlog: 101 })).toBe(false)
    expect(after({ backlog: 100 }, { backlog: 100 }, { backlog: 100 })).toBe(true)
    expect(after({ backlog: undefined }, { backlog: undefined }, { backlog: undefined })).toBe(false)
  })
  test('is not while nothing is answered', () => {
    const stuck = { counts: { events: { ...NO_COUNTS, ok: 500, inFlight: 9 }, reads: NO_COUNTS } }
    expect(after(stuck, stuck, stuck, stuck)).toBe(false)
  })
})
