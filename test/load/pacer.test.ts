import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LoadPhase } from '../../src/load/control.ts'
import { CUSTOMERS } from '../../src/load/customers.ts'
import { arrivalUs, customerPicker, dueBy, scheduleOf, segmentsOf } from '../../src/load/pacer.ts'

const constant = (rate: number, seconds: number): LoadPhase => ({ name: 'constant', durationMs: seconds * 1000, shape: { kind: 'constant', rate } })
const ramp = (from: number, to: number, seconds: number): LoadPhase => ({ name: 'ramp', durationMs: seconds * 1000, shape: { kind: 'ramp', from, to } })
const poisson = (rate: number, seconds: number): LoadPhase => ({ name: 'poisson', durationMs: seconds * 1000, shape: { kind: 'poisson', rate } })

function arrivals(phases: LoadPhase[], seed = 1): { atUs: number; phase: number }[] {
  const all: { atUs: number; phase: number }[] = []
  for (const schedule = scheduleOf(phases, seed); schedule.nextUs < Infinity; schedule.take()) all.push({ atUs: schedule.nextUs, phase: schedule.phase })
  return all
}

describe('counts', () => {
  test.each([
    ['10/s for 3 s', [constant(10, 3)], 30],
    ['0.1/s for 30 s: not quite 3 in binary', [constant(0.1, 30)], 3],
    ['0/s', [constant(0, 5)], 0],
    ['ramp 0 → 100/s in 10 s: the area of a triangle', [ramp(0, 100, 10)], 500],
    ['ramp 100 → 0/s in 10 s', [ramp(100, 0, 10)], 500],
    ['ramp 500 → 5,000/s in 5 s', [ramp(500, 5_000, 5)], 13_750],
    ['1/3 a second in three phases of 1 s: the fractions make one', [constant(1 / 3, 1), constant(1 / 3, 1), constant(1 / 3, 1)], 1],
    ['saturation takes its time and has no arrivals', [constant(5, 1), { name: 's', durationMs: 1_000, shape: { kind: 'saturation', connections: 3 } }, constant(5, 1)], 10],
  ] as [string, LoadPhase[], number][])('%s → %i %i', (_name, phases, count) => {
    expect(arrivals(phases)).toHaveLength(count)
  })

  test('no drift: the last arrival of 20,000/s for 6 hours is due where it should be', () => {
    const [segment] = segmentsOf([constant(20_000, 6 * 3_600)])
    expect(segment!.count).toBe(432_000_000)
    expect(arrivalUs(segment!, 431_999_999)).toBeCloseTo(6 * 3_600e6 - 50, 3)
  })
})

describe('times', () => {
  test('the first arrival of a constant rate comes at once, the others evenly', () => {
    expect(arrivals([constant(4, 1)]).map(({ atUs }) => atUs)).toEqual([0, 250_000, 500_000, 750_000])
  })

  test('a phase goes on where the phase before left off', () => {
    // 2.5 arrivals in the first phase: the third is due at 1 s, so half an interval is left for the second phase.
    expect(arrivals([constant(2.5, 1), constant(10, 1)]).slice(0, 5).map(({ atUs, phase }) => [Math.round(atUs), phase])).toEqual([
      [0, 0], [400_000, 0], [800_000, 0], [1_050_000, 1], [1_150_000, 1],
    ])
  })

  test('the saturation phase leaves a gap as long as it is', () => {
    const phases: LoadPhase[] = [constant(1, 1), { name: 's', durationMs: 7_000, shape: { kind: 'saturation', connections: 3 } }, constant(1, 1)]
    expect(arrivals(phases)).toEqual([{ atUs: 0, phase: 0 }, { atUs: 8_000_000, phase: 2 }])
  })
})

const rate = fc.double({ min: 0, max: 5_000, noNaN: true })
const seconds = fc.integer({ min: 1, max: 3_000 }).map((ms) => ms / 1000)
const deterministic = fc.oneof(fc.tuple(rate, seconds).map(([r, s]) => constant(r, s)), fc.tuple(rate, rate, seconds).map(([a, b, s]) => ramp(a, b, s)))
const anyPhase = fc.oneof(deterministic, fc.tuple(fc.double({ min: 0, max: 500, noNaN: true }), seconds).map(([r, s]) => poisson(r, s)))

test('arrivals never go back in time, and lie within their phase', () => {
  fc.assert(
    fc.property(fc.array(anyPhase, { minLength: 1, maxLength: 4 }), fc.integer(), (phases, seed) => {
      let startUs = 0
      const bounds = phases.map(({ durationMs }) => [startUs, (startUs += durationMs * 1000)] as const)
      let before = 0
      for (const { atUs, phase } of arrivals(phases, seed)) {
        expect(atUs).toBeGreaterThanOrEqual(before)
        expect(atUs).toBeGreaterThanOrEqual(bounds[phase]![0])
        expect(atUs).toBeLessThanOrEqual(bounds[phase]![1])
        before = atUs
      }
    }),
    { numRuns: 50 },
  )
})

test('the number of arrivals is the area under the rates, whatever the phases, to within one', () => {
  fc.assert(
    fc.property(fc.array(deterministic, { minLength: 1, maxLength: 5 }), (phases) => {
      const area = phases.reduce((sum, { shape, durationMs }) => {
        const mean = shape.kind === 'constant' ? shape.rate : shape.kind === 'ramp' ? (shape.from + shape.to) / 2 : 0
        return sum + (mean * durationMs) / 1000
      }, 0)
      const count = segmentsOf(phases).reduce((sum, segment) => sum + segment.count, 0)
      expect(count).toBeGreaterThanOrEqual(area - 1e-3)
      expect(count).toBeLessThan(area + 1 + 1e-3)
    }),
    { numRuns: 100 },
  )
})

test('how many are due at a time agrees with when each is due', () => {
  fc.assert(
    fc.property(deterministic, fc.double({ min: 0, max: 1, noNaN: true }), (phase, share) => {
      const [segment] = segmentsOf([phase])
      const atUs = segment!.durationUs * share
      const due = dueBy(segment!, atUs)
      if (due > 0) expect(arrivalUs(segment!, due - 1)).toBeLessThanOrEqual(atUs)
      if (due < segment!.count) expect(arrivalUs(segment!, due)).toBeGreaterThan(atUs)
    }),
  )
})

describe('poisson', () => {
  test('the same seed gives the same arrivals, another seed others', () => {
    expect(arrivals([poisson(50, 2)], 7)).toEqual(arrivals([poisson(50, 2)], 7))
    expect(arrivals([poisson(50, 2)], 7)).not.toEqual(arrivals([poisson(50, 2)], 8))
  })

  test('mean and variance of the gaps are those of the exponential distribution', () => {
    const times = arrivals([poisson(1_000, 60)], 3).map(({ atUs }) => atUs)
    const gaps = times.slice(1).map((atUs, i) => atUs - times[i]!)
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length)
    // 60,000 gaps: the standard error of the mean is 0.4 %.
    expect(mean).toBeGreaterThan(980)
    expect(mean).toBeLessThan(1_020)
    expect(deviation / mean).toBeGreaterThan(0.97)
    expect(deviation / mean).toBeLessThan(1.03)
  })
})

describe('customers', () => {
  test('come by weight, the same for the same seed', () => {
    const pick = customerPicker({ commuter: 97, office: 1, browser: 2 }, 5)
    const counts = CUSTOMERS.map(() => 0)
    for (let n = 0; n < 100_000; n++) counts[pick(n)]!++
    expect(counts[0]! / 1_000).toBeCloseTo(97, 0)
    expect(counts[1]! / 1_000).toBeCloseTo(1, 0)
    expect(counts[2]! / 1_000).toBeCloseTo(2, 0)
    expect(counts[3]).toBe(0)
    const again = customerPicker({ commuter: 0.97, office: 0.01, browser: 0.02 }, 5)
    expect(Array.from({ length: 1_000 }, (_, n) => again(n))).toEqual(Array.from({ length: 1_000 }, (_, n) => pick(n)))
  })

  test('none at all is an error that names the choices', () => {
    expect(() => customerPicker({ commuter: 0 }, 1)).toThrow(/commuter, office, browser, analyst/)
  })
})
