import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { markdownReport } from '../../src/reports/markdown.ts'
import { backAt, spikeFigures, type Second } from '../../src/reports/spike.ts'
import { spikeText } from '../../src/reports/spike-table.ts'
import { summarise } from '../../src/reports/summarise.ts'
import { summaryText } from '../../src/cli/summary.ts'
import type { RunEvent } from '../../src/run/events.ts'
import { initialState, reduce, type RunState } from '../../src/run/state.ts'
import { spike } from '../../src/scenarios/spike.ts'
import { runRecord, sampleAt, STARTED } from './records.ts'

const ATMOST = 100
const seconds = fc.array(fc.option(fc.integer({ min: 0, max: 200 }), { nil: undefined }), { maxLength: 40 }).map((values) => values.map((value, i): Second => ({ atMs: (i + 1) * 1_000, value })))
const isFine = ({ value }: Second) => value !== undefined && value <= ATMOST

describe('the moment a figure is back', () => {
  test('is the first of three good seconds in a row, and there is none before', () => {
    fc.assert(
      fc.property(seconds, fc.integer({ min: 0, max: 20_000 }), (all, fromMs) => {
        const after = all.filter(({ atMs }) => atMs >= fromMs)
        const first = after.findIndex((_, i) => i + 2 < after.length && after.slice(i, i + 3).every(isFine))
        expect(backAt(all, fromMs, ATMOST)).toBe(after[first]?.atMs)
      }),
    )
  })

  test('a higher bound is never reached later', () => {
    fc.assert(fc.property(seconds, fc.nat(200), fc.nat(200), (all, a, b) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)]
      expect(backAt(all, 0, high) ?? Infinity).toBeLessThanOrEqual(backAt(all, 0, low) ?? Infinity)
    }))
  })

  test('fewer than three seconds are enough where nothing can change any more', () => {
    const all = [300, 300, 5].map((value, i) => ({ atMs: i * 1_000, value }))
    expect(backAt(all, 0, ATMOST)).toBeUndefined()
    expect(backAt(all, 0, ATMOST, true)).toBe(2_000)
    expect(backAt(all.slice(0, 2), 0, ATMOST, true)).toBeUndefined()
  })

  test('seconds with a gap between them are not in a row', () => {
    expect(backAt([0, 1_000, 9_000].map((atMs) => ({ atMs, value: 1 })), 0, ATMOST)).toBeUndefined()
    expect(backAt([0, 9_000, 10_000, 11_000].map((atMs) => ({ atMs, value: 1 })), 0, ATMOST)).toBe(9_000)
  })
})

/** Phases as the scenario has them (base 8–20 s, hold 25–40 s, load until 57 s); p99 and backlog by the second that ends then. */
function stateOf(p99: (second: number) => number, backlog: (second: number) => number, { until = 57, drained = true, scenario = spike } = {}): RunState {
  let began = 0
  const phases = spike.phases.flatMap(({ name, seconds: lasts }, index) => {
    const from = began
    began += lasts
    return [{ type: 'phase-began', phase: name, index, atMs: from * 1_000 }, { type: 'phase-ended', phase: name, index, atMs: began * 1_000 }]
  })
  const latency = (value: number) => ({ p50: 1, p95: 1, p99: value, max: value, count: 100 })
  const samples = Array.from({ length: until }, (_, i) => ({ ...sampleAt(i + 1, { latency: latency(p99(i + 1)), backlog: backlog(i + 1) }), atMs: (i + 1) * 1_000 }))
  const events = [{ ...STARTED, scenario, atMs: 0 }, { type: 'load-planned', atMs: 0, startAtMs: 0 }, ...phases, ...samples, { type: 'settled', atMs: 60_000, tookMs: 3_000, backlog: drained ? 0 : 9, drained }]
  return (events as RunEvent[]).reduce(reduce, initialState)
}

describe('back after the spike', () => {
  test('counts from the end of hold, against the median before', () => {
    const found = spikeFigures(stateOf((s) => (s < 25 ? 20 : s <= 44 ? 400 : 25), (s) => (s < 25 ? 10 : s <= 49 ? 5_000 : 100)))!
    expect(found.p99).toMatchObject({ before: 20, atMost: 30, highest: 400, backAfterSeconds: 5, says: 'within 5 s' })
    expect(found.backlog).toMatchObject({ before: 10, atMost: 110, highest: 5_000, backAfterSeconds: 10, says: 'within 10 s' })
  })

  test('p99 10 ms above a small one is back', () => expect(spikeFigures(stateOf((s) => (s < 25 ? 2 : 12), () => 0))!.p99).toMatchObject({ atMost: 12, says: 'never left it' }))

  test('what is not seen back is said to be not within the run', () => {
    const found = spikeFigures(stateOf((s) => (s < 25 ? 20 : 400), (s) => (s < 25 ? 0 : 5_000), { drained: false }))!
    expect(found.p99).not.toHaveProperty('backAfterSeconds')
    expect(spikeText(found)).toBe('p99 back not within the run (17 s after the spike), backlog back not within the run (17 s after the spike)')
  })

  test('a backlog that is gone after the load stays gone; a p99 has to be seen three times', () => {
    const late = (s: number) => (s < 25 ? 0 : s < 60 ? 5_000 : 0)
    expect(spikeFigures(stateOf(() => 20, late, { until: 60 }))!.backlog.backAfterSeconds).toBe(20)
    expect(spikeFigures(stateOf(() => 20, late, { until: 60, drained: false }))!.backlog.backAfterSeconds).toBeUndefined()
    expect(spikeFigures(stateOf((s) => (s < 25 || s > 55 ? 20 : 400), () => 0))!.p99.backAfterSeconds).toBeUndefined()
  })

  test('not known without a base phase worth the name', () => expect(spikeFigures(stateOf(() => 20, () => 0, { until: 10 }))!.p99.says).toMatch(/^not known: fewer than 3 seconds/))

  test('a scenario without a spike has none', () => expect(spikeFigures(stateOf(() => 20, () => 0, { scenario: { ...spike, spike: undefined } }))).toBeUndefined())

  test('is in summary, report and the words at the end', () => {
    const state = stateOf((s) => (s < 25 ? 20 : s <= 44 ? 400 : 25), () => 0)
    const record = runRecord({ state })
    expect(summarise(record).spike?.p99.backAfterSeconds).toBe(5)
    expect(markdownReport(record, summarise(record))).toMatch(/## Back after the spike[\s\S]*p99 of orders, ms[\s\S]*within 5 s/)
    expect(summaryText(state, { color: false, width: 120 })).toContain('p99 back within 5 s of the spike, backlog never left its level')
  })
})
