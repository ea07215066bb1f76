import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bracketOf, nextStep, probesLeft, type SearchOptions, type Step, type Tried } from '../../src/experiment/search.ts'
import type { ProbeOutcome, SearchEnd } from '../../src/run/search.ts'

const OPTIONS: SearchOptions = { firstRate: 500, lowestRate: 1, highestRate: 50_000, tolerance: 0.05, confirmations: 3, attempts: { late: 2, disturbed: 3 }, probes: Infinity }

type System = (rate: number, before: readonly Tried[]) => ProbeOutcome

/** Asks the search for the next rate and the system for its outcome, until the search ends. */
function play(system: System, options: Partial<SearchOptions> = {}, most = 500): { tried: Tried[]; steps: Step[]; end: SearchEnd } {
  const tried: Tried[] = []
  const steps: Step[] = []
  for (;;) {
    const step = nextStep(tried, { ...OPTIONS, ...options })
    steps.push(step)
    if (step.do === 'end') return { tried, steps, end: step }
    if (tried.length >= most) throw new Error(`no end after ${most} probes`)
    tried.push({ rate: step.rate, outcome: system(step.rate, tried) })
  }
}

const holdsUpTo = (capacity: number): System => (rate) => (rate <= capacity ? 'passed' : 'failed')
const rates = ({ tried }: { tried: Tried[] }) => tried.map(({ rate }) => rate)
const times = (tried: readonly Tried[], rate: number, outcome: ProbeOutcome) => tried.filter((one) => one.rate === rate && one.outcome === outcome).length

describe('a system that holds 3,100/s', () => {
  const played = play(holdsUpTo(3_100))
  test('is doubled, bisected, and confirmed at both ends', () => {
    expect(played.steps.map((step) => (step.do === 'probe' ? `${step.purpose} ${step.rate}` : step.why))).toEqual([
      'first 500', 'double 1000', 'double 2000', 'double 4000', 'bisect 2828', 'bisect 3363', 'bisect 3084', 'bisect 3220',
      'confirm 3084', 'confirm 3084', 'confirm 3220', 'confirm 3220', 'found',
    ])
  })
  test('the answer names both ends and how often each was seen', () => {
    expect(played.end).toMatchObject({ why: 'found', pass: { rate: 3_084, passed: 3, failed: 0 }, fail: { rate: 3_220, passed: 0, failed: 3 } })
  })
  test('what is left was foretold at every step', () => {
    played.tried.forEach((_, i) => {
      const left = played.tried.length - i
      expect(Math.abs(probesLeft(played.tried.slice(0, i), OPTIONS) - left)).toBeLessThanOrEqual(3)
    })
    expect(probesLeft(played.tried, OPTIONS)).toBe(0)
  })
})

test('a first rate that fails is halved', () => {
  expect(rates(play(holdsUpTo(100))).slice(0, 5)).toEqual([500, 250, 125, 62.5, 88.39])
})

test('one that holds nothing: the lowest rate fails three times', () => {
  const { end, tried } = play(holdsUpTo(0), { firstRate: 4 })
  expect(end).toEqual({ do: 'end', why: 'none-holds', fail: { rate: 1, passed: 0, failed: 3 } })
  expect(rates({ tried })).toEqual([4, 2, 1, 1, 1])
})

test('one that holds everything: the highest rate holds three times', () => {
  const { end } = play(() => 'passed')
  expect(end).toEqual({ do: 'end', why: 'no-limit', pass: { rate: 50_000, passed: 3, failed: 0 } })
})

describe('noise', () => {
  test('a lucky probe above a rate that fails does not raise the answer', () => {
    // 4,000 fails, 2,828 fails: that 3,363 would pass is never asked.
    expect(play((rate) => (rate <= 2_000 || rate === 3_363 ? 'passed' : 'failed')).end).toMatchObject({ why: 'found', pass: { rate: 2_000 } })
  })
  test('one unlucky probe at the lower end is outvoted', () => {
    const { end } = play((rate, before) => (rate > 3_100 || (rate === 3_084 && times(before, rate, 'failed') === 0 && times(before, rate, 'passed') === 1) ? 'failed' : 'passed'))
    expect(end).toMatchObject({ why: 'found', pass: { rate: 3_084, passed: 3, failed: 1 }, fail: { rate: 3_220 } })
  })
  test('a lower end that passed by luck: the search goes on below it', () => {
    const { end } = play((rate, before) => (rate > 3_100 || (rate === 3_084 && times(before, rate, 'passed') === 1) ? 'failed' : 'passed'))
    expect(end).toMatchObject({ why: 'found', fail: { rate: 3_084, passed: 1, failed: 3 } })
    expect(end.pass!.rate).toBeGreaterThan(2_900)
  })
  test('an upper end that failed by bad luck: the search goes on above it', () => {
    const { end } = play((rate, before) => (rate > 3_100 || (rate === 2_828 && times(before, rate, 'failed') === 0) ? 'failed' : 'passed'))
    expect(end.pass!.rate).toBe(3_084)
  })
})

describe('what cannot be believed', () => {
  test('is tried again, and forgotten once it can', () => {
    const { steps, end } = play((rate, before) => (rate === 2_000 && times(before, rate, 'disturbed') < 2 ? 'disturbed' : rate <= 3_100 ? 'passed' : 'failed'))
    expect(steps.filter((step) => step.do === 'probe' && step.purpose === 'repeat')).toEqual(Array(2).fill({ do: 'probe', rate: 2_000, purpose: 'repeat' }))
    expect(end.why).toBe('found')
  })
  test('a machine that stays disturbed ends the search, and it says how far it got', () => {
    const { end, tried } = play((rate) => (rate > 1_000 ? 'disturbed' : 'passed'))
    expect(end).toMatchObject({ why: 'disturbed', pass: { rate: 1_000, passed: 1 } })
    expect(rates({ tried })).toEqual([500, 1_000, 2_000, 2_000, 2_000])
  })
  test('a late injector is a border of what can be measured, and is approached', () => {
    const { end, tried } = play((rate) => (rate <= 3_100 ? 'passed' : 'late'))
    expect(times(tried, 4_000, 'late')).toBe(2)
    expect(end).toEqual({ do: 'end', why: 'not-measurable', pass: { rate: 3_084, passed: 3, failed: 0 }, notMeasurable: 3_220 })
  })
  test('between what holds and what fails nobody can tell: both are said', () => {
    const { end } = play((rate) => (rate <= 2_500 ? 'passed' : rate < 3_800 ? 'late' : 'failed'))
    expect(end).toMatchObject({ why: 'not-measurable', pass: { passed: 3 }, fail: { rate: 4_000 } })
    expect(end.notMeasurable! / end.pass!.rate).toBeLessThanOrEqual(1.05)
  })
  test('nothing measurable at all', () => {
    expect(play(() => 'late', { firstRate: 2 }).end).toEqual({ do: 'end', why: 'none-holds', notMeasurable: 1 })
  })
})

test('data that is wrong ends the search at once', () => {
  expect(play((rate) => (rate >= 2_000 ? 'data' : 'passed')).end).toEqual({ do: 'end', why: 'data', pass: { rate: 1_000, passed: 1, failed: 0 } })
})

test('a search that has had all its probes says where it stands', () => {
  expect(play(holdsUpTo(3_100), { probes: 6 }).end).toMatchObject({ why: 'too-many-probes', pass: { rate: 2_828 }, fail: { rate: 3_363 } })
})

describe('any system', () => {
  const capacity = fc.double({ min: 0.5, max: 80_000, noNaN: true })
  const firstRate = fc.integer({ min: 1, max: 50_000 })

  test('that is monotone: within the bracket lies its capacity, within 5 %, after few probes', () => {
    fc.assert(
      fc.property(capacity, firstRate, (limit, first) => {
        const { end, tried } = play(holdsUpTo(limit), { firstRate: first }, 32)
        expect(tried.length).toBeLessThanOrEqual(32)
        if (end.why === 'found') {
          expect(end.pass!.rate).toBeLessThanOrEqual(limit)
          expect(end.fail!.rate).toBeGreaterThan(limit)
          expect(end.fail!.rate / end.pass!.rate).toBeLessThanOrEqual(1.05)
          expect([end.pass!.passed, end.fail!.failed]).toEqual([3, 3])
        } else expect([end.why, limit >= 50_000, limit < 1]).toEqual(end.why === 'no-limit' ? ['no-limit', true, false] : ['none-holds', false, true])
      }),
    )
  })

  test('that is noisy within 10 %: ends, and within 15 % of the truth', () => {
    fc.assert(
      fc.property(fc.double({ min: 20, max: 20_000, noNaN: true }), firstRate, fc.infiniteStream(fc.double({ min: -0.1, max: 0.1, noNaN: true })), (limit, first, noise) => {
        const { end } = play((rate) => (rate <= limit * (1 + (noise.next().value ?? 0)) ? 'passed' : 'failed'), { firstRate: first }, 100)
        expect(end.why).toBe('found')
        expect(end.pass!.rate).toBeGreaterThan(limit * 0.85)
        expect(end.fail!.rate).toBeLessThan(limit * 1.15)
        expect(end.fail!.rate / end.pass!.rate).toBeLessThanOrEqual(1.05)
        expect([end.pass!.passed, end.fail!.failed]).toEqual([3, 3])
      }),
    )
  })

  test('that answers at random: ends, and no rate is probed without end', () => {
    const outcome = fc.constantFrom<ProbeOutcome>('passed', 'failed', 'late', 'disturbed')
    fc.assert(
      fc.property(firstRate, fc.infiniteStream(outcome), fc.integer({ min: 1, max: 5 }), (first, outcomes, confirmations) => {
        const { tried } = play(() => outcomes.next().value!, { firstRate: first, confirmations })
        for (const rate of new Set(rates({ tried }))) {
          const judged = times(tried, rate, 'passed') + times(tried, rate, 'failed')
          expect(judged).toBeLessThanOrEqual(2 * confirmations - 1)
          expect(tried.filter((one) => one.rate === rate).length - judged).toBeLessThanOrEqual(3)
        }
      }),
    )
  })
})

test('the bracket so far', () => {
  expect(bracketOf([], OPTIONS)).toEqual({})
  expect(bracketOf([{ rate: 500, outcome: 'passed' }, { rate: 1_000, outcome: 'late' }], OPTIONS)).toEqual({ pass: 500 })
  expect(bracketOf([{ rate: 500, outcome: 'passed' }, { rate: 1_000, outcome: 'failed' }], OPTIONS)).toEqual({ pass: 500, border: 1_000 })
})
