import { describe, expect, test } from 'vitest'
import type { LoadPlan } from '../../src/load/control.ts'
import { orderIdWriter } from '../../src/load/order-id.ts'
import { newHistogram, recordUs } from '../../src/measure/histogram.ts'
import { fates, NEVER_SENT, OK, REJECTED, UNKNOWN, type Fate } from '../../src/measure/ledger.ts'
import { disagreements, impliedFates, littleCheck, percentileChecks, stallLatenciesMs, within } from '../../src/selftest/judge.ts'

const plan: LoadPlan = {
  baseUrl: 'http://127.0.0.1:1', path: '', headers: {}, seed: 1, runTag: 9, injector: 0, startAtMs: 1_000_000, customers: { commuter: 1 },
  phases: [{ name: 'c', durationMs: 8_000, shape: { kind: 'constant', rate: 100 } }], connections: 1, maxOpen: 1, timeoutMs: 1, retries: 0,
}

test.each([
  [0.99, false], [1, true], [5, true], [5.01, false], [NaN, false],
])('2 − 1 + 3: %d is within: %s', (measured, ok) => expect(within('x', 2, measured, 1, 3).ok).toBe(ok))

describe('the stall of 3 s in 8 s at 100/s', () => {
  const known = stallLatenciesMs(plan, 1_002_000, 1_005_000)
  test('300 of 800 wait, evenly from 3 s down to 10 ms', () => {
    expect(known).toHaveLength(800)
    expect(known.filter((ms) => ms > 0)).toHaveLength(300)
    expect([known.at(-1), known.at(500)]).toEqual([3_000, 10])
  })
  test('latencies from the intended time are accepted, those from the actual send are found out', () => {
    const [right, wrong] = [newHistogram(), newHistogram()]
    for (const ms of known) recordUs(right, ms * 1000)
    // 20 connections: 20 requests see the stall, all others are sent after it.
    for (const [i] of known.entries()) recordUs(wrong, i < 20 ? 3e6 - i * 1e4 : 1_000)
    const oks = (histogram: typeof right) => percentileChecks('latency', histogram, known, [50, 75, 90, 99, 100], 75).map(({ ok }) => ok)
    expect(oks(right)).toEqual([true, true, true, true, true])
    expect(oks(wrong)).toEqual([true, false, false, true, true])
  })
})

test("Little's law finds out service times that are not what the sockets saw", () => {
  const sums = { sends: 1_000, serviceCount: 1_000, inFlightSum: 5_000, inFlightSamples: 1_000 }
  // 200/s × 25 ms = 5 open.
  expect(littleCheck({ sums: { ...sums, serviceSumUs: 25_000 * 1_000 } }, 5_000, 0.1).ok).toBe(true)
  expect(littleCheck({ sums: { ...sums, serviceSumUs: 150_000 * 1_000 } }, 5_000, 0.1).ok).toBe(false)
})

describe("a server's log implies", () => {
  test.each([
    ['never received', [], [], [NEVER_SENT, UNKNOWN]],
    ['202', [1], [202], [OK]],
    ['no answer', [1], [], [UNKNOWN]],
    ['503, then 202', [1, 2], [503, 202], [OK]],
    ['503 twice', [1, 2], [503, 503], [REJECTED]],
    ['503, then nothing', [1, 2], [503], [UNKNOWN]],
    ['500, then 400', [1, 2], [500, 400], [UNKNOWN]],
  ])('%s', (_name, atMs, answers, expected) => expect(impliedFates({ atMs, answers })).toEqual(expected))
})

describe('the ledger against the log', () => {
  const id = (sequence: number, timeMs = 5_000) => orderIdWriter(9, 8)(timeMs, sequence)
  function ledger(...all: Fate[]) {
    const held = fates()
    all.forEach((fate, i) => held.set(i, fate))
    return { plan, ledger: new Map([[8, { events: all.length, fates: held, timesMs: all.map(() => 5_000) }]]) }
  }
  const answered = (text: string, ...answers: number[]) => ({ id: text, atMs: [1], answers })
  test.each([
    ['agree', [OK, REJECTED, UNKNOWN], [answered(id(0), 202), answered(id(1), 400), answered(id(2))], 'none'],
    ['ok that the server never answered', [OK], [answered(id(0))], '1, first: source 8 event 0: ok, the server answered []'],
    ['rejected that was stored', [REJECTED], [answered(id(0), 202)], '1, first: source 8 event 0: rejected, the server answered [202]'],
    ['received, but not in the ledger', [OK], [answered(id(0), 202), answered(id(1), 202)], `1, first: ${id(1)} received, but not in the ledger`],
    ['another time', [OK], [answered(id(0, 5_001), 202)], `2, first: ${id(0, 5_001)}: time 5001 in the id, 5000 in the ledger`],
  ] as const)('%s', (_name, held, seen, says) => {
    expect(disagreements(ledger(...held), seen.map((entry) => ({ ...entry, atMs: [...entry.atMs], answers: [...entry.answers] })))).toBe(says)
  })

  test('answers may be disbelieved where that is allowed', () => {
    expect(disagreements(ledger(UNKNOWN), [answered(id(0), 202)], true)).toBe('none')
    expect(disagreements(ledger(OK), [answered(id(0))], true)).not.toBe('none')
  })
})
