import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { plainLog, summaryText } from '../../../src/cli/plain.ts'
import { tabsOf } from '../../../src/cli/ui/app.tsx'
import { initialState, reduce, type RunState } from '../../../src/run/state.ts'
import { frame } from './frame.tsx'
import { searchOver, searchUnderWay } from './search-story.ts'

const under = searchUnderWay().reduce(reduce, initialState)
const over = searchOver().reduce(reduce, initialState)

describe('the picture of a search at 80×24', () => {
  const lines = frame(under, 80, 24)
  test('what is searched, where the probe is, and how far the search is', () => {
    expect(lines[0]).toMatch(/^ breakpoint on v2 .* 20261121-074500-breakpoint-v2-3fa9$/)
    expect(lines[1]).toMatch(/● up ▶ LOAD ○ settle ○ reconcile ○ report +hold 6 s left/)
    expect(lines[2]).toMatch(/^ probe 5 · 2,828\/s once more · holds 2,000\/s, not 4,000\/s · about 6 min left/)
  })
  test('figures and charts of the probe that goes on', () => {
    expect(lines[4]).toMatch(/offered +5,000/)
    expect(lines.join('\n')).toContain('events per second')
  })
  test('every rate, highest first, with what became of its probes', () => {
    const rates = lines.filter((line) => /^ +[\d,]+\/s /.test(line))
    expect(rates.map((line) => line.trim().split(/ {2,}/).slice(0, 2))).toEqual([['4,000/s', '✖'], ['2,828/s', '▲▶'], ['2,000/s', '●'], ['1,000/s', '●']])
    expect(rates[0]).toMatch(/p99 12,410\.0 ms {2}errors +0\.1 % {2}backlog +\+3\.1 %/)
  })
})

test.each([[80, 24], [100, 30], [120, 36], [200, 50], [60, 20]])('%d×%d: no line is too long, none too many', (columns, rows) => {
  for (const state of [under, over, initialState]) {
    for (const tab of tabsOf(state)) {
      const lines = frame(state, columns, rows, { tab })
      expect(lines.length).toBeLessThanOrEqual(rows - 1)
      expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(columns)
      expect(lines.join('\n')).not.toMatch(/cannot draw|undefined|NaN/)
    }
  }
}, 30_000)

test('at 200×50 the rates stand beside everything else, with the reason', () => {
  const text = frame(under, 200, 50, { tab: 'search' }).join('\n')
  expect(text).toMatch(/\[search\]─+ holds 2,000\/s, not 4,000\/s/)
  expect(text).toContain('freshness ms')
})

test('services and log are those of the probe; the verdict is that of the search', () => {
  expect(frame(under, 80, 24, { tab: 'services' }).join('\n')).toMatch(/worker +(ready|1 restart)/)
  expect(frame(over, 80, 24).join('\n')).toMatch(/● PASSED · exit code 0\n +holds 2,000\/s \(3 of 3 probes passed\), fails at 2,100\/s/)
})

test('a search has no verdict before its end, and an ordinary run has no search', () => {
  expect(tabsOf(under)).not.toContain('verdict')
  expect(tabsOf(over)[0]).toBe('verdict')
  expect(tabsOf(initialState)).not.toContain('search')
})

test('a small terminal names rate and bracket', () => {
  expect(frame(under, 60, 20).join('\n')).toMatch(/probe 5 · 2,828\/s once more · holds 2,000\/s, not 4,000\/s/)
})

describe('in lines', async () => {
  const lines: string[] = []
  await plainLog((async function* () { yield* searchOver() })(), { write: (line) => lines.push(line) })
  const says = (pattern: RegExp) => lines.filter((line) => pattern.test(line))
  test('how long it takes, every probe, and the answer', () => {
    expect(says(/search: about 12 probes, each in a fresh system; it will take about 10 min$/)).toHaveLength(1)
    expect(says(/probe 5 at 2,828\/s \(repeat\); holds 2,000\/s, not 4,000\/s; about 7 min left$/)).toHaveLength(1)
    expect(says(/probe 3 at 4,000\/s FAILED: p99 12,410\.0 ms, errors 0\.10 %, backlog \+3\.1 %, drained in 0\.4 s; p99 latency of orders \(ms\) in hold at most 100, measured 12410$/)).toHaveLength(1)
    expect(says(/note: holds 2,000\/s \(3 of 3 probes passed\), fails at 2,100\/s/)).toHaveLength(1)
  })
  test('regular lines are those of the probe', () => expect(says(/probe 5 at 2,828\/s: load: \w+ \d+ s left .*offered [\d,]+\/s/).length).toBeGreaterThan(1))
  test('plain ASCII', () => expect(lines.join('')).toMatch(/^[\x20-\x7e]*$/))
})

describe('the summary', () => {
  const text = (state: RunState) => summaryText(state, { color: false, width: 90, reportPath: 'results/x/report.md' })
  test('has answer, probes, chart, evidence', () => {
    expect(text(over)).toMatch(/● PASSED breakpoint on v2[\s\S]*holds 2,000\/s[\s\S]*probes +2 passed, 2 failed, 1 could not be believed[\s\S]*4,000\/s ✖ ━+┿━+ +12\.4 s[\s\S]*evidence +CPU in cores: api 0\.97/)
  })
  test('of one that was interrupted says how far it got', () => {
    const aborted = reduce(under, { atMs: 1, type: 'run-ended', status: 'aborted', exitCode: 130, why: 'interrupted' })
    expect(text(aborted)).toMatch(/ABORTED breakpoint on v2[\s\S]*so far +holds 2,000\/s, not 4,000\/s/)
  })
  test('no line is too long', () => expect(Math.max(...text(over).split('\n').map((line) => stringWidth(line)))).toBeLessThanOrEqual(90))
})
