import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { searchChart } from '../../src/reports/search-chart.ts'
import { searchReport } from '../../src/reports/search-report.ts'
import { summariseSearch } from '../../src/reports/search-summary.ts'
import { answerOf, judgeSearch } from '../../src/reports/searched.ts'
import type { RunEvent } from '../../src/run/events.ts'
import type { Bottleneck, ProbeOutcome, ProbeResult, Searched } from '../../src/run/search.ts'
import { initialState, reduce } from '../../src/run/state.ts'
import { breakpoint } from '../../src/scenarios/breakpoint.ts'
import { runRecord, STARTED } from './records.ts'

const probe = (number: number, rate: number, outcome: ProbeOutcome, p99: number, more: Partial<ProbeResult> = {}): ProbeResult => ({
  probe: number, rate, outcome, reasons: outcome === 'passed' ? [] : [`p99 at most 100, measured ${p99}`], tookSeconds: 50,
  figures: { latencyMs: { p50: p99 / 5, p95: p99 / 2, p99, max: p99 * 2, count: 100 }, errorRate: 0.0004, backlogGrowth: 0.012, drainSeconds: 0.31, acceptedPerSecond: rate }, ...more,
})
const GAVE_OUT: Bottleneck = { what: 'core', service: 'api', says: 'api: it used 97 % of the one core it can use', evidence: ['CPU in cores: api 0.97'] }
const PROBES = [
  probe(1, 1_000, 'passed', 4), probe(2, 2_000, 'failed', 2_000, { bottleneck: { ...GAVE_OUT, what: 'machine', says: 'the machine' } }), probe(3, 1_414, 'late', 90),
  probe(4, 1_414, 'passed', 40), probe(5, 1_470, 'failed', 300, { bottleneck: GAVE_OUT }), probe(6, 1_470, 'failed', 310, { bottleneck: { ...GAVE_OUT, what: 'undecided', says: 'undecided: something' } }),
]
const FOUND: Searched = { why: 'found', pass: { rate: 1_414, passed: 3, failed: 0 }, fail: { rate: 1_470, passed: 1, failed: 3 }, bottleneck: GAVE_OUT }
const search = breakpoint.search!

function report(searched: Searched | undefined, probes: ProbeResult[] = PROBES, more: object[] = []): string {
  const events = [
    { ...STARTED, scenario: breakpoint, baseRate: 1_000, commandLine: './lab run breakpoint --arch v2', history: 5_000 },
    ...probes.map((one) => ({ type: 'probe-ended', bracket: { pass: 1_414, border: 1_470 }, ...one })),
    ...(searched ? [{ type: 'searched', searched }, { type: 'judged', verdict: judgeSearch(searched, probes, search) }] : []),
    ...more,
  ]
  const state = events.map((event, i) => ({ atMs: i, ...event }) as RunEvent).reduce(reduce, initialState)
  const record = runRecord({ run: state.run!, state })
  return searchReport(record, summariseSearch(record, state.search!))
}

describe('the report of a search', () => {
  const text = report(FOUND)
  test('opens with the answer, what gave out, and what it rests on', () => {
    expect(text.split('\n').slice(0, 5)).toEqual([
      '# The highest rate that holds: v2',
      '',
      '- **PASSED**: holds 1,414/s (3 of 3 probes passed), fails at 1,470/s (3 of 4 probes failed)',
      '- Gave out first: api: it used 97 % of the one core it can use',
      '- 6 probes in 5.00 min, each in a fresh system; 1 could not be believed and does not count',
    ])
  })
  test('has every probe with its figures, and why it did not pass', () => {
    expect(text).toContain('| 3 | INVALID (injector late) | 1,414 | 1,414 | 18.0 | 90.0 | 0.04 % | 1.2 % | 0.3 | 50 |')
    expect(text).toContain('- probe 2, 2,000/s, FAILED: p99 at most 100, measured 2000')
  })
  test('shows what gave out with its evidence, and who says otherwise', () => {
    expect(text).toContain('At 1,470/s:\n\n- CPU in cores: api 0.97\n- probe 6 says: undecided: something')
  })
  test('says how it was decided, with the numbers of the scenario', () => {
    expect(text).toContain('held for 30 s with p99 ≤ 100 ms, errors ≤ 0.1 %, a backlog that grows by at most 1 % of what is offered, and is gone 15 s after the load')
    expect(text).toContain('no wider than 5 %; both ends are confirmed until 3 probes agree')
  })
  test('how to run it again, and the history', () => expect(text).toMatch(/History: 5,000 orders[\s\S]*\.\/lab run breakpoint --arch v2/))
  test('fits to be committed: no undefined, no NaN', () => expect(text).not.toMatch(/undefined|NaN/))
})

test('a search that was interrupted says how far it got', () => {
  const text = report(undefined, PROBES, [{ type: 'run-ended', status: 'aborted', exitCode: 130, why: 'interrupted' }])
  expect(text).toContain('- **ABORTED**: the search did not come to its end; so far: 1,414/s held, 1,470/s did not')
})

test('one that was interrupted at once, too', () => expect(report(undefined, [], [{ type: 'run-ended', status: 'aborted', exitCode: 130, why: 'interrupted' }])).not.toMatch(/undefined|NaN/))

describe('answer and exit code', () => {
  const pass = { rate: 1_414, passed: 3, failed: 0 }
  const fail = { rate: 1_470, passed: 0, failed: 3 }
  test.each([
    [FOUND, 0, 'holds 1,414/s (3 of 3 probes passed), fails at 1,470/s (3 of 4 probes failed)'],
    [{ why: 'not-measurable', pass, notMeasurable: 1_470, fail: { ...fail, rate: 2_000 } }, 6, 'beyond this machine: holds 1,414/s (3 of 3 probes passed); at 1,470/s the injector was late, so what the system could do there cannot be said; at 2,000/s it certainly fails'],
    [{ why: 'no-limit', pass }, 6, 'no limit was found: holds 1,414/s (3 of 3 probes passed), and nothing higher is tried'],
    [{ why: 'none-holds', fail: { ...fail, rate: 1 } }, 4, 'not even 1/s holds (3 of 3 probes failed)'],
    [{ why: 'none-holds', notMeasurable: 1 }, 6, 'not even 1/s could be measured'],
    [{ why: 'data', pass }, 7, 'so far: holds 1,414/s (3 of 3 probes passed), no rate was seen to fail'],
    [{ why: 'disturbed', fail }, 6, 'so far: no rate was seen to hold, fails at 1,470/s (3 of 3 probes failed)'],
    [{ why: 'too-many-probes', pass, fail }, 6, 'so far: holds 1,414/s (3 of 3 probes passed), fails at 1,470/s (3 of 3 probes failed); all its probes were used up before both ends were confirmed'],
  ] as [Searched, number, string][])('%j', (searched, exitCode, says) => {
    expect(answerOf(searched)).toBe(says)
    expect(judgeSearch(searched, PROBES, search).exitCode).toBe(exitCode)
  })
})

describe('the chart', () => {
  test('one line a probe, highest rate first, the limit through all of them', () => {
    const lines = searchChart(PROBES, { limitMs: 100, width: 60 })
    expect(lines.map((line) => line.slice(0, 9))).toEqual(['2,000/s ✖', '1,470/s ✖', '1,470/s ✖', '1,414/s ?', '1,414/s ●', '1,000/s ●', expect.stringContaining(' '), '● passed '])
    const at = lines[5]!.indexOf('│')
    expect(lines.slice(0, 3).map((line) => line[at])).toEqual(['┿', '┿', '┿'])
    expect(lines.slice(3, 6).map((line) => line[at])).toEqual(['│', '│', '│'])
    expect(lines[6]!.indexOf('└')).toBe(at)
  })
  test('nothing measured: no chart', () => {
    expect(searchChart([], { limitMs: 100, width: 60 })).toEqual([])
    expect(searchChart([{ ...PROBES[0]!, figures: {} }], { limitMs: 100, width: 60 })).toEqual([])
  })
  test('whatever was measured: no line is too long, none is missing', () => {
    const probes = fc.array(fc.record({ rate: fc.double({ min: 1, max: 64_000, noNaN: true }), p99: fc.double({ min: 0.01, max: 60_000, noNaN: true }) }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(probes, fc.option(fc.integer({ min: 1, max: 5_000 }), { nil: undefined }), fc.integer({ min: 60, max: 160 }), (all, limitMs, width) => {
        const lines = searchChart(all.map(({ rate, p99 }, i) => probe(i + 1, rate, 'passed', p99)), { limitMs, width })
        expect(lines).toHaveLength(all.length + 1 + (limitMs === undefined ? 0 : 1))
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width)
      }),
    )
  })
})
