import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bootstrapInterval, bootstrapIntervalOfTwo, quantile } from '../../../src/reports/statistics/bootstrap.ts'
import { holm } from '../../../src/reports/statistics/holm.ts'
import { permutationP, signFlipP, smallestPermutationP, smallestSignFlipP } from '../../../src/reports/statistics/permutation.ts'
import { pseudoMedian, shift } from '../../../src/reports/statistics/pseudo-median.ts'
import { slopeOf } from '../../../src/reports/statistics/slope.ts'

/** By SciPy and NumPy: python3 test/reports/statistics/golden.py > test/reports/statistics/golden.json */
const golden = JSON.parse(readFileSync(new URL('golden.json', import.meta.url), 'utf8')) as {
  pairs10: { values: number[]; pseudoMedian: number; signFlipP: number; interval: [number, number] }
  pairs6: { values: number[]; pseudoMedian: number; signFlipP: number; interval: [number, number] }
  two: { a: number[]; b: number[]; shift: number; permutationP: number; interval: [number, number] }
  holm: { ps: number[]; adjusted: number[] }
  slope: Line
  slopeWithTies: Line
  quantile: { values: number[]; at: number[]; found: number[] }
}
interface Line {
  xs: number[]
  ys: number[]
  slope: number
  low: number
  high: number
}

describe('as SciPy has it', () => {
  test.each(['pairs10', 'pairs6'] as const)('%s', (name) => {
    const { values, pseudoMedian: middle, signFlipP: p, interval } = golden[name]
    expect(pseudoMedian(values)).toBeCloseTo(middle, 12)
    expect(signFlipP(values)).toBeCloseTo(p, 12)
    // Two samples of the same distribution: its percentiles are known to a few per cent of its width.
    const tolerance = 0.05 * (interval[1] - interval[0])
    const { low, high } = bootstrapInterval(values, pseudoMedian)
    expect(Math.abs(low - interval[0])).toBeLessThan(tolerance)
    expect(Math.abs(high - interval[1])).toBeLessThan(tolerance)
  })

  test('two samples', () => {
    const { a, b, interval, ...expected } = golden.two
    expect(shift(a, b)).toBeCloseTo(expected.shift, 12)
    expect(permutationP(a, b)).toBeCloseTo(expected.permutationP, 12)
    const { low, high } = bootstrapIntervalOfTwo(a, b, shift)
    const tolerance = 0.05 * (interval[1] - interval[0])
    expect(Math.abs(low - interval[0])).toBeLessThan(tolerance)
    expect(Math.abs(high - interval[1])).toBeLessThan(tolerance)
  })

  test('Holm', () => {
    for (const [i, p] of holm(golden.holm.ps).entries()) expect(p).toBeCloseTo(golden.holm.adjusted[i]!, 12)
  })

  test.each(['slope', 'slopeWithTies'] as const)('%s', (name) => {
    const { xs, ys, ...expected } = golden[name]
    const found = slopeOf(xs, ys)!
    expect(found.slope).toBeCloseTo(expected.slope, 12)
    expect(found.low).toBeCloseTo(expected.low, 12)
    expect(found.high).toBeCloseTo(expected.high, 12)
  })

  test('quantiles', () => {
    const { values, at, found } = golden.quantile
    const sorted = [...values].sort((a, b) => a - b)
    for (const [i, share] of at.entries()) expect(quantile(sorted, share)).toBeCloseTo(found[i]!, 12)
  })
})

describe('sampled where there are too many rearrangements to go through', () => {
  test('signs: 20 pairs, against the exact value of a case that can be counted by hand', () => {
    // All of one size, all but four positive: as likely as at most four tails in twenty, twice.
    const differences = Array.from({ length: 20 }, (_, i) => (i < 4 ? -1 : 1))
    expect(signFlipP(differences)).toBeCloseTo((2 * (1 + 20 + 190 + 1_140 + 4_845)) / 2 ** 20, 2)
  })

  test('two sides that do not overlap at all get the smallest p-value that sampling knows', () => {
    const low = Array.from({ length: 12 }, (_, i) => i)
    const p = permutationP(low, low.map((value) => value + 100))
    expect(p).toBeGreaterThan(0)
    expect(p).toBeLessThan(0.001)
  })

  test('the same seed, the same answer', () => {
    const values = Array.from({ length: 20 }, (_, i) => Math.sin(i * 7))
    expect(signFlipP(values, 5)).toBe(signFlipP(values, 5))
    expect(bootstrapInterval(values, pseudoMedian, { seed: 5, resamples: 500 })).toEqual(bootstrapInterval(values, pseudoMedian, { seed: 5, resamples: 500 }))
    expect(bootstrapInterval(values, pseudoMedian, { seed: 6, resamples: 500 })).not.toEqual(bootstrapInterval(values, pseudoMedian, { seed: 5, resamples: 500 }))
  })
})

test('how small a p-value can get at all: 10 pairs 1 in 512, 4 against 4 runs 1 in 35', () => {
  expect(smallestSignFlipP(10)).toBe(2 / 1_024)
  expect(signFlipP([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toBe(2 / 1_024)
  expect(smallestPermutationP(4, 4)).toBe(2 / 70)
  expect(permutationP([5, 6, 7, 8], [1, 2, 3, 4])).toBe(2 / 70)
})

const values = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 9 })

test('what holds of any values', () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      const p = signFlipP(a)
      expect(p).toBeGreaterThanOrEqual(smallestSignFlipP(a.length) - 1e-12)
      expect(p).toBeLessThanOrEqual(1)
      expect(signFlipP(a.map((value) => -value))).toBeCloseTo(p, 9)
      expect(pseudoMedian(a)).toBeGreaterThanOrEqual(Math.min(...a))
      expect(pseudoMedian(a)).toBeLessThanOrEqual(Math.max(...a))
      expect(shift(a, b)).toBeCloseTo(-shift(b, a), 9)
      expect(permutationP(a, b)).toBeCloseTo(permutationP(b, a), 9)
      const { low, high } = bootstrapInterval(a, pseudoMedian, { resamples: 50 })
      expect(low).toBeLessThanOrEqual(high)
    }),
  )
})

test('adjusted p-values keep their order, are never smaller, never above 1', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }), (ps) => {
      const adjusted = holm(ps)
      ps.forEach((p, i) => {
        expect(adjusted[i]!).toBeGreaterThanOrEqual(p)
        expect(adjusted[i]!).toBeLessThanOrEqual(1)
        ps.forEach((other, j) => p < other && expect(adjusted[i]!).toBeLessThanOrEqual(adjusted[j]!))
      })
    }),
  )
})

test('nothing at all is no reason to fail', () => {
  expect(signFlipP([])).toBe(1)
  expect(permutationP([], [1])).toBe(1)
  expect(holm([])).toEqual([])
  expect(slopeOf([1, 1], [2, 3])).toBeUndefined()
  expect(pseudoMedian([])).toBeNaN()
})
