import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { plainLog, summaryText } from '../../src/cli/plain.ts'
import type { RunEvent } from '../../src/run/events.ts'
import { initialState } from '../../src/run/state.ts'
import { stateAfter, story } from './ui/story.ts'

async function* from(events: RunEvent[]): AsyncGenerator<RunEvent> {
  yield* events
}

async function logged(events: RunEvent[]): Promise<string[]> {
  const lines: string[] = []
  await plainLog(from(events), { write: (line) => lines.push(line) })
  return lines
}

describe('plain log', async () => {
  const lines = await logged(story('lost'))
  const says = (pattern: RegExp) => lines.filter((line) => pattern.test(line))

  test('resolves with the last state', async () => {
    const state = await plainLog(from(story('passed')), { write: () => {} })
    expect(state.verdict?.outcome).toBe('passed')
  })
  test('begins with what runs', () =>
    expect(lines[0]).toBe(
      '  00:00  run 20261121-074500-spike-v2-3fa9: spike on v2 (Redis Stream to PostgreSQL, batched), local, base rate 500/s, seed 7',
    ))
  test('a regular line every ten seconds of the run', () => {
    const regular = says(/^ +\d\d:\d\d {2}(up|load|settle|reconcile|report|down): /)
    expect(regular.map((line) => line.trim().slice(0, 5))).toEqual(['00:10', '00:20', '00:30', '00:40', '00:50', '01:00', '01:10', '01:20'])
  })
  test('a regular line carries the figures with their units', () => {
    expect(says(/^ +00:50 {2}load/)[0]).toMatch(
      /load: fall 1 s left \(\d+ %\), offered [\d,]+\/s, accepted [\d,]+\/s, persisted [\d,]+\/s, p50 [\d.,]+ p99 [\d.,]+ max [\d.,]+ ms, backlog [\d,]+, freshness [\d.,]+ ms, failed 0\.\d\d %, \w+ \d+ % of a core, ALERT error rate/,
    )
  })
  test.each([
    ['stages', /stage (up|load|settle|reconcile|report|down)$/, 6],
    ['services that are ready', /ready after/, 7],
    ['phases', /phase \w+ began, \d+ s/, 6],
    ['faults', /(FAULT kill worker injected|fault kill worker healed, ready again after 4\.0 s)$/, 2],
    ['restarts', /worker restarts, attempt 1/, 1],
    ['alerts, raised and over', /^ +\d\d:\d\d {2}(ALERT|alert over:) (error rate 1\.8|database CPU)/, 3],
    ['notes', /note: no docker engine answers/, 1],
    ['draining', /backlog drained in 17\.4 s/, 1],
    ['the accounting', /accounted: 129,156 stored, lost 3, duplicated 0/, 1],
    ['the verdict', /verdict: FAILED: 3 accepted events are not stored/, 1],
    ['the end', /run complete, exit code 7/, 1],
  ])('%s', (_what, pattern, times) => expect(says(pattern)).toHaveLength(times))
  test('ordinary log lines stay in the log files', () => expect(says(/batch of 500/)).toHaveLength(0))
  test('plain ASCII, no escape sequences', () => expect(lines.join('')).toMatch(/^[\x20-\x7e]*$/))
  test('a service that dies by itself comes with its last lines', async () => {
    const died: RunEvent = {
      atMs: 5,
      type: 'service-exited',
      service: 'worker',
      replica: 2,
      code: 1,
      signal: null,
      expected: false,
      willRestart: false,
      lastLines: ['one', '\u001b[31mError: boom\u001b[39m'],
    }
    expect(await logged([died])).toEqual([
      '  00:00  worker-2 died: exit code 1; its last lines:',
      '  00:00      one',
      '  00:00      Error: boom',
    ])
  })
  test('silence of a minute costs one line, not six', async () => {
    const [first, ...rest] = story('passed')
    const late = rest.slice(0, 3).map((event, index) => ({ ...event, atMs: first!.atMs + 65_000 + index }))
    expect((await logged([first!, ...late])).filter((line) => line.includes('up: '))).toHaveLength(1)
  })
  test('no events, no lines', async () => expect(await logged([])).toEqual([]))
})

describe('summary', () => {
  const of = (ending: Parameters<typeof story>[0], width = 120) =>
    summaryText(stateAfter(story(ending)), { color: false, width, reportPath: 'results/x/report.md', glyphs: 'braille' })

  test('a run that passed', () => {
    expect(of('passed').split('\n')).toEqual([
      '● PASSED spike on v2 · Redis Stream to PostgreSQL, batched · local · 20261121-074500-spike-v2-3fa9',
      '  events    118,500 offered · 118,140 accepted (99.70 %) · 360 failed · at most 5,000/s accepted',
      '  latency   p99 27.0 ms in the median second · 1,012.7 ms in the worst · max 2,250.6 ms',
      '  backlog   at most 31,679 events · drained 17.4 s after the load',
      '  spike     p99 back within 6 s of the spike, backlog back within 13 s of the spike',
      '  lag       persisted p50 120.0, p99 4,210.4 ms · visible p50 210.0, p99 4,480.0 ms',
      '  faults    kill worker at 00:30, ready again after 4.0 s',
      '  account   lost 0 · duplicated 0 · phantom 0 · unexpected 0 · altered 0 · miscounted 0',
      '            ok 129,140 · stored 129,159 · rejected 288 · unknown 72 (19 recovered) · never sent 0',
      '  validity  2 of 3 checks judged, all hold',
      '  expected  2 of 3 met · 1 not measured',
      '  report    results/x/report.md',
      '  exit code 0: passed',
    ])
  })
  test('percentiles of the whole run, once it is judged', () => {
    const state = stateAfter(story('passed'))
    const judged = { ...state, verdict: { ...state.verdict!, latencyMs: { p50: 1.2, p95: 4.5, p99: 8.9, max: 20, count: 1_000 } } }
    expect(summaryText(judged, { color: false, width: 120, glyphs: 'braille' })).toContain('latency   p50 1.2 · p95 4.5 · p99 8.9 · max 20.0 ms')
  })
  test('a run that lost events names what was lost, and what the exit code means', () => {
    const text = of('lost')
    expect(text).toContain('✖ FAILED spike on v2')
    expect(text).toContain('  - 3 accepted events are not stored')
    expect(text).toContain('✖ lost 3 · duplicated 0')
    expect(text).toContain('✖ miscounted 1')
    expect(text).toContain('✖ not met: error rate ≤ 0.1 %: 0.28 %')
    expect(text).toContain('7: data lost, duplicated, miscounted or leaked')
  })
  test('an invalid run says why', () => {
    expect(of('invalid')).toContain('▲ INVALID spike on v2')
    expect(of('invalid')).toContain('▲ INVALID: send lag (p99 61.2 ms, at most 5.0 ms)')
  })
  test('an aborted run has no verdict and says so', () => {
    const text = of('aborted')
    expect(text).toMatch(/^▲ ABORTED spike on v2/)
    expect(text).toContain('  - interrupted')
    expect(text).toContain('130: interrupted')
  })
  test('before anything happened', () =>
    expect(summaryText(initialState, { color: false, width: 80, glyphs: 'braille' })).toBe('▲ NO VERDICT no run began'))
  test('ASCII where nothing else can be shown', () => {
    expect(summaryText(stateAfter(story('lost')), { color: false, width: 80, glyphs: 'ascii' })).toMatch(/^x FAILED [\p{ASCII}]*$/u)
  })
  test.each([40, 60, 80, 200])('no line is longer than %d cells', (width) => {
    for (const line of of('lost', width).split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(width)
  })
  test('colour adds escape sequences only', () => {
    const coloured = summaryText(stateAfter(story('lost')), {
      color: true,
      width: 120,
      reportPath: 'results/x/report.md',
      glyphs: 'braille',
    })
    // eslint-disable-next-line no-control-regex
    expect(coloured.replace(/\u001b\[[\d;]*m/g, '')).toBe(of('lost'))
    expect(coloured).toContain('\u001b[1;31m✖ FAILED')
  })
})
