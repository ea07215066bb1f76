import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBreaker, type Outcome } from '../../src/system/breaker.ts'

const SETTINGS = { failures: 5, openMs: 30_000 }

/** A call that begins and ends at one moment; says what became of it. */
function call(breaker: ReturnType<typeof createBreaker>, outcome: Outcome, nowMs: number): string {
  const admission = breaker.admit(nowMs)
  if (admission.kind === 'refused') return `refused for ${admission.retryAfterMs} ms`
  breaker.settle(admission, outcome, nowMs)
  return admission.kind
}

describe('a breaker', () => {
  it.each<[string, Outcome[], string]>([
    ['nothing', [], 'closed'],
    ['4 failures in a row', ['failure', 'failure', 'failure', 'failure'], 'closed'],
    ['5 failures in a row', ['failure', 'failure', 'failure', 'failure', 'failure'], 'open'],
    ['5 failures with a success among them', ['failure', 'failure', 'success', 'failure', 'failure', 'failure'], 'closed'],
    ['5 failures with one that says nothing among them', ['failure', 'failure', 'neutral', 'failure', 'failure', 'failure'], 'open'],
    ['calls that say nothing', Array<Outcome>(20).fill('neutral'), 'closed'],
  ])('after %s', (_what, outcomes, state) => {
    const breaker = createBreaker(SETTINGS)
    for (const outcome of outcomes) expect(call(breaker, outcome, 0)).toBe('pass')
    expect(breaker.state(0)).toBe(state)
  })

  it.each<[string, [atMs: number, outcome: Outcome, becomes: string][], string]>([
    ['refuses with what is left of its 30 s', [[1, 'success', 'refused for 29999 ms'], [29_999, 'success', 'refused for 1 ms']], 'half-open'],
    ['lets one try, and closes when it succeeds', [[30_000, 'success', 'probe'], [30_000, 'failure', 'pass']], 'closed'],
    ['opens again for as long when it fails', [[30_000, 'failure', 'probe'], [30_001, 'success', 'refused for 29999 ms'], [60_000, 'success', 'probe']], 'closed'],
    ['lets the next one try when the first said nothing', [[30_000, 'neutral', 'probe'], [30_000, 'success', 'probe']], 'closed'],
  ])('that is open %s', (_what, calls, state) => {
    const breaker = createBreaker(SETTINGS)
    for (let i = 0; i < 5; i++) call(breaker, 'failure', 0)
    for (const [atMs, outcome, becomes] of calls) expect(call(breaker, outcome, atMs)).toBe(becomes)
    expect(breaker.state(60_000)).toBe(state)
  })

  it('lets no second one try while the first does, and tells how long it stays open', () => {
    const breaker = createBreaker(SETTINGS)
    for (let i = 0; i < 5; i++) call(breaker, 'failure', 1_000)
    expect([breaker.openForMs(999 + 1), breaker.openForMs(30_999), breaker.openForMs(31_000)]).toEqual([30_000, 1, 0])
    const probe = breaker.admit(31_000)
    expect([probe.kind, breaker.admit(31_000).kind, breaker.state(31_000)]).toEqual(['probe', 'refused', 'half-open'])
    breaker.settle(probe, 'success', 31_500)
    expect(breaker.admit(31_500).kind).toBe('pass')
  })

  it('is not moved by calls that were under way when it opened', () => {
    const breaker = createBreaker(SETTINGS)
    const late = [breaker.admit(0), breaker.admit(0)] as const
    for (let i = 0; i < 5; i++) call(breaker, 'failure', 0)
    breaker.settle(late[0], 'success', 10)
    expect(breaker.state(10)).toBe('open')
    breaker.settle(late[1], 'failure', 29_000)
    expect(breaker.openForMs(29_000)).toBe(1_000)
  })

  it('opens only after so many failures in a row, and always lets somebody try later (property)', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom<Outcome>('success', 'failure', 'neutral')), fc.integer({ min: 1, max: 6 }), (outcomes, failures) => {
      const breaker = createBreaker({ failures, openMs: 100 })
      let row = 0
      for (const outcome of outcomes) {
        if (row < failures) expect(call(breaker, outcome, 0)).toBe('pass')
        else expect(breaker.admit(0).kind).toBe('refused')
        if (row < failures) row = outcome === 'failure' ? row + 1 : outcome === 'success' ? 0 : row
      }
      expect(breaker.state(0)).toBe(row >= failures ? 'open' : 'closed')
      expect(breaker.admit(100).kind).toBe(row >= failures ? 'probe' : 'pass')
    }))
  })
})
