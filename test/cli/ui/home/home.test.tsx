import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { Home } from '../../../../src/cli/ui/home/home.tsx'
import { commandOf } from '../../../../src/cli/ui/home/form.ts'
import { draftOf, told, type HomeState } from '../../../../src/cli/ui/home/state.ts'
import { createTheme } from '../../../../src/cli/ui/theme.ts'
import { drawn, plainTheme } from '../frame.tsx'
import { homeAt, KEY_NAMES, pastRun, pressed } from './story.ts'

const frame = (state: HomeState, theme = plainTheme) => drawn(<Home state={state} theme={theme} />, state.size.columns, state.size.rows)
const text = (state: HomeState) => frame(state).join('\n')
const after = (columns: number, rows: number, ...keys: string[]) => pressed(homeAt(columns, rows), ...keys).state

const REPORT = ['# A spike: v2', '', '- **PASSED**: 4 of 4 met, and `batch=50`', '', '```mermaid', 'flowchart LR', '  n0["injector"]', '  n1["HTTP<br/>api: 0.97 cores"]', '  n0 -->|"5,000/s offered<br/>after 1.5 ms"| n1', '```',
  '', '## Phases', '', '| phase | p99 |', '| --- | ---: |', `| ${'hold '.repeat(30)} | 5.0 |`, '| base | 1,204.5 |', '', '```text', '  60┤ ╭──', '```'].join('\n')

describe('80×24', () => {
  const lines = frame(homeAt(80, 24))
  test('takes 23 lines', () => expect(lines).toHaveLength(23))
  test('what is chosen, what it means, the command, the keys', () => {
    expect(lines[1]).toMatch(/^──\[new run\] past runs ─/)
    expect(lines[2]).toMatch(/^ ▶ architecture {2}v2 +Redis Streams, then PostgreSQL/)
    expect(lines.join('\n')).toMatch(/── architecture: v2 ─[^]*HTTP ─▶ Redis Stream[^]*── command ─+ y copies\n \.\/lab run spike --arch v2\n/)
    expect(lines[22]).toBe(' Enter choose  x default  s start  y copy  Tab past runs  ? help  q quit')
  })
  test('a typed value has a cursor, the command shows it, and what is wrong is said', () => {
    let state = after(80, 24, '/batc\r\r5x')
    state = told(state, { type: 'checked', command: commandOf(draftOf(state)), problems: ['batch cannot be "5x". Allowed: 1 … 10000 (integer).'] })
    expect(text(state)).toMatch(/▶ batch +5x[^]*\.\/lab run spike --arch v2 --set batch=5x\n[^]*✖ batch cannot be "5x"\. Allowed: 1 … 10000/)
  })
  test('what cannot be had is shown with the reason', () => {
    const state = told(homeAt(80, 24), { type: 'looked', lacks: { locally: { v3: 'lacks Java (none on the PATH; apt install java)' }, docker: 'no Docker engine' } })
    expect(text(pressed(state, 'Enter').state)).toMatch(/● v2 [^]*▲ v3 +Kafka and Flink, then PostgreSQL · lacks Java/)
    expect(text(pressed(state, 'Enter', 'Down').state)).toMatch(/✖ lacks Java \(none on the PATH; apt install java\)/)
    expect(text(pressed(state, 'Down', 'Down', 'Enter').state)).toMatch(/▲ docker .*· no Docker engine/)
  })
  test('past runs by verdict; what cannot be read says why', () => {
    const shown = text(after(80, 24, 'Tab'))
    expect(shown).toMatch(/▶ ● passed +spike +v2 +2026-11-21 \d\d:45 +batch=50\n +✖ failed +baseline +v1/)
    expect(shown).toMatch(/○ aborted +spike/)
    expect(shown).toMatch(/▲ unreadable odd run\.json is of version 9/)
    expect(text(after(80, 24, 'Tab', 'Down'))).toMatch(/── 20261121-070000-baseline-v1-0001 ─+ exit code 7\n lost 3 events\n \.\/lab run/)
    expect(text(after(80, 24, 'Tab', '/', 'v1'))).toMatch(/─ v1: 1 of 5\n[^]*\/v1/)
    expect(text(after(80, 24, 'Tab', 'c'))).toContain('[against]')
    expect(text(pressed(homeAt(80, 24, []), 'Tab').state)).toContain('No runs yet')
  })
  test('a report: emphasis, tables in columns, arrows, charts as they are; sideways for what is wide', () => {
    const state = told(homeAt(80, 24), { type: 'opened', opened: { title: 'run-1', text: REPORT, note: 'results/run-1/report.html' } })
    expect(text(state)).toMatch(/results\/run-1\/report\.html\n──[^]*A spike: v2\n\n · PASSED: 4 of 4 met, and batch=50\n/)
    expect(text(state)).toMatch(/injector ─▶ HTTP \(api: 0\.97 cores\)\n +5,000\/s offered\n +after 1\.5 ms/)
    expect(text(state)).toMatch(/ {2}60┤ ╭──/)
    const side = text(pressed(state, ...Array<string>(20).fill('Right')).state)
    expect(side).toMatch(/hold {4,}5\.0\n +1,204\.5\n/)
  })
})

test('200×50 uses the room: everything side by side', () => {
  const lines = frame(after(200, 50, '/batch\r'))
  expect(lines).toHaveLength(49)
  expect(lines[1]).toMatch(/╭─\[new run\] past runs ─+╮╭─ batch ─+╮/)
  expect(lines.join('\n')).toMatch(/── architecture: v2 [^]*── scenario: spike/)
  expect(lines.every((line, index) => index === 0 || index === 48 || /[│╭╰]/.test(line))).toBe(true)
})

test('too small says so, and still has the command', () => expect(text(homeAt(60, 12))).toMatch(/needs 80×24, this is 60×12\n\.\/lab run spike --arch v2/))

test('without colour there is no escape sequence; with it the cells are the same; ASCII terminals get ASCII', () => {
  for (const state of [homeAt(120, 40), after(80, 24, 'Tab'), after(80, 24, '?'), told(homeAt(80, 24), { type: 'opened', opened: { title: 'x', text: REPORT } })]) {
    const bare = frame(state)
    expect(bare.join('')).not.toContain('\u001b')
    // eslint-disable-next-line no-control-regex
    expect(frame(state, createTheme({ color: true, glyphs: 'braille' })).map((line) => line.replace(/\u001b\[[\d;]*m/g, '').trimEnd())).toEqual(bare)
    expect(frame(state, createTheme({ color: false, glyphs: 'ascii' })).join('')).toMatch(/^\p{ASCII}*$/u)
  }
}, 30_000)

test('whatever is pressed, whatever runs and reports hold, at any size: never taller or wider than the terminal', () => {
  const anyKeys = fc.array(fc.constantFrom(...KEY_NAMES, ...'jkGxvcnh?/12', '/batch\r\r', '/faults\r\r', 'a long text that goes on and on'), { maxLength: 25 })
  const anyText = fc.string({ unit: 'binary', maxLength: 80 })
  fc.assert(
    fc.property(anyKeys, anyText, fc.integer({ min: 1, max: 240 }), fc.integer({ min: 2, max: 70 }), fc.boolean(), (keys, hostile, columns, rows, reading) => {
      const begin = homeAt(columns, rows, [pastRun(hostile, { why: hostile, extras: hostile, commandLine: hostile, scenario: hostile, startedAt: hostile })])
      const opened = reading ? told(begin, { type: 'opened', opened: { title: hostile, text: `${REPORT}\n| ${hostile} |\n${hostile}`, note: hostile } }) : begin
      const lines = frame(pressed(opened, ...keys).state)
      expect(lines.length).toBeLessThanOrEqual(rows - 1)
      expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(columns)
      expect(lines.join('\n')).not.toContain('cannot draw')
    }),
    { numRuns: 40 },
  )
}, 60_000)
