import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import stringWidth from 'string-width'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bundled } from './bundle.ts'
import { skippedUnless } from '../../skipped.ts'

/** The real picture in a real terminal: a told run is played in a tmux pane of its own server. */

const hasTmux = spawnSync('tmux', ['-V']).status === 0

/** A server of its own for each test: one that is just ending refuses new sessions. */
let servers = 0
const sockets = mkdtempSync(join(tmpdir(), 'load-lab-tmux-'))
const socket = () => join(sockets, String(servers))
const tmux = (...args: string[]) =>
  execFileSync('tmux', ['-S', socket(), '-f', '/dev/null', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const screen = () => tmux('capture-pane', '-p').split('\n').slice(0, -1)
/** With scrollback, wrapped lines joined. */
const scrollback = () =>
  tmux('capture-pane', '-p', '-J', '-S', '-200')
    .split('\n')
    .map((line) => line.trimEnd())
const keys = (...names: string[]) => tmux('send-keys', ...names)
const ask = (format: string) => tmux('display-message', '-p', format).trim()

let player: Awaited<ReturnType<typeof bundled>>

async function until(what: string, holds: (lines: string[]) => boolean, look = screen, seconds = 20): Promise<string[]> {
  for (let tries = seconds * 10; tries > 0; tries--) {
    const lines = look()
    if (holds(lines)) return lines
    await sleep(100)
  }
  throw new Error(`${what}: not seen within ${seconds} s. The screen:\n${look().join('\n')}`)
}

const shows = (pattern: RegExp) => (lines: string[]) => pattern.test(lines.join('\n'))

/** A shell in a pane of that size, and in it the player. */
async function play(columns: number, rows: number, args: string, env = ''): Promise<void> {
  servers += 1
  tmux('new-session', '-d', '-x', String(columns), '-y', String(rows), `PATH='${dirname(process.execPath)}':"$PATH" PS1='$ ' exec sh`)
  tmux('set', '-g', 'status', 'off')
  tmux('resize-window', '-x', String(columns), '-y', String(rows))
  keys('stty -a > /dev/null; echo BEFORE; stty -g', 'Enter')
  await until('the shell', shows(/BEFORE\n[0-9a-f:]+\n/), scrollback)
  keys(`${env} node ${player.file} ${args}; echo "ended $?"; stty -g`, 'Enter')
}

/** Main screen with its old content, cursor shown, terminal settings as before. */
async function expectRestored(): Promise<string[]> {
  const lines = await until('the end', shows(/ended \d+\n[0-9a-f:]+\n/), scrollback)
  const settings = lines.filter((line) => /^[0-9a-f]+:[0-9a-f:]+$/.test(line))
  expect(ask('#{alternate_on} #{cursor_flag}')).toBe('0 1')
  expect(lines.join('\n')).toContain('BEFORE')
  expect(settings).toHaveLength(2)
  expect(settings[1]).toBe(settings[0])
  return lines
}

describe.skipIf(!hasTmux)(`the picture in a terminal${skippedUnless(hasTmux, 'no tmux on the PATH')}`, { timeout: 60_000 }, () => {
  beforeAll(async () => {
    player = await bundled('test/cli/ui/player.ts', 'player')
  })
  afterEach(() => void spawnSync('tmux', ['-S', socket(), 'kill-server']))
  afterAll(() => {
    rmSync(sockets, { recursive: true, force: true })
    player[Symbol.dispose]()
    expect(existsSync(player.file)).toBe(false)
  })

  test.each([
    [80, 24],
    [200, 50],
  ])('a whole run at %d×%d: no line wraps, then the summary stays in the scrollback', async (columns, rows) => {
    await play(columns, rows, 'lost 25 end 1500')
    const during = await until('the load', shows(/▶ LOAD/))
    expect(during.at(-1)).toBe('')
    expect(during[rows - 2]).toMatch(/^ q stop/)
    expect(during.filter((line) => line.startsWith(' spike on v2'))).toHaveLength(1)
    for (const line of during) expect(stringWidth(line)).toBeLessThanOrEqual(columns)
    if (rows === 50) expect(during[3]!.match(/╭/g)).toHaveLength(5)
    await until('the verdict', shows(/✖ FAILED · exit code 7/))
    const after = await expectRestored()
    expect(after.join('\n')).toMatch(/✖ FAILED spike on v2/)
    expect(after.join('\n')).toMatch(/✖ lost 3 · duplicated 0/)
    expect(after.join('\n')).toMatch(/PLAYED\nended 0/)
  })

  test('keys: help, freeze, panels, charts', async () => {
    await play(80, 24, 'passed 30 40 30000')
    await until('second 40', shows(/00:4[01]|fall \d s left/))
    keys('?')
    await until('help', shows(/stop the load, keep results/))
    keys('?')
    await until('the chart again', shows(/events per second/))
    keys('c')
    await until('the next chart', shows(/latency ms, log scale/))
    keys('Tab')
    await until('the log', shows(/\[log\][\s\S]*00:39 +worker +batch of 500/))
    keys('Left')
    await until('services', shows(/\[services\]/))
    keys('f')
    await until('frozen', (lines) => /FROZEN at 00:4\d/.test(lines[0]!) && /f RESUME/.test(lines[22]!))
    keys('Space')
    await until('resumed', (lines) => !lines[0]!.includes('FROZEN'))
    keys('q')
    await until('stopping', shows(/stopping… q again to force/))
    keys('C-c')
    expect((await expectRestored()).join('\n')).toContain('asked to stop: 2')
  })

  test('resizing draws the arrangement that fits, without remains of the old one', async () => {
    await play(200, 50, 'passed 30 35 30000')
    await until('second 35', shows(/hold \d s left · 00:3[56]/))
    for (const [columns, rows, frames] of [
      [80, 24, 0],
      [60, 10, 0],
      [130, 40, 1],
      [79, 60, 0],
      [200, 50, 1],
    ] as const) {
      tmux('resize-window', '-x', String(columns), '-y', String(rows))
      const fits = (lines: string[]) =>
        lines.length === rows &&
        lines.filter((line) => line.includes('spike on v2')).length === 1 &&
        (columns < 80 || rows < 24 ? shows(/needs 80×24/)(lines) : /^ q stop/.test(lines[rows - 2] ?? '')) &&
        lines[3]!.startsWith('╭') === (frames === 1)
      const lines = await until(`${columns}×${rows}`, fits)
      for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns)
    }
  })

  test('NO_COLOR: no colour on the screen', async () => {
    await play(80, 24, 'passed 30 35 30000', 'NO_COLOR=1')
    await until('second 35', shows(/hold \d s left/))
    // eslint-disable-next-line no-control-regex
    expect(tmux('capture-pane', '-p', '-e')).not.toMatch(/\u001b\[/)
  })

  test('a locale without UTF-8 gets ASCII', async () => {
    await play(80, 24, 'passed 30 35 30000', 'LC_ALL=C')
    const lines = await until('second 35', shows(/> LOAD .*hold \d s left/))
    expect(lines.slice(0, 23).join('')).toMatch(/^\p{ASCII}*$/u)
  })

  test.each([
    [
      'an error of the events is thrown after the terminal is given back',
      'passed 40 20 0 throw',
      /caught: Error: the events broke\nPLAYED\nended 0/,
    ],
    ['process.exit', 'passed 40 20 0 exit', /ended 5/],
    ['an uncaught error shows on the main screen', 'passed 40 20 0 uncaught', /Error: nobody caught this[\s\S]*ended 1/],
  ])('the terminal comes back: %s', async (_what, args, pattern) => {
    await play(120, 40, args)
    await until('the picture', () => ask('#{alternate_on}') === '1' || shows(/ended/)(screen()))
    expect((await expectRestored()).join('\n')).toMatch(pattern)
  })

  test('what libraries print meanwhile does not tear the picture, and is printed afterwards', async () => {
    await play(80, 24, 'passed 40 20 500 noise')
    await until('the picture', shows(/▶ LOAD/))
    for (let tries = 0; tries < 15 && ask('#{alternate_on}') === '1'; tries++) {
      expect(screen().join('\n')).not.toMatch(/a library/)
      await sleep(100)
    }
    expect((await expectRestored()).join('\n')).toMatch(/a library logs\na library complains\n[\s\S]*a library warns[\s\S]*PLAYED/)
  })

  test('the terminal is closed in the middle: the run ends in its own order', async () => {
    const told = join(sockets, 'told')
    await play(120, 40, 'passed 40 45 0', `TELL_FILE=${told}`)
    await until('the picture', shows(/▶ LOAD .*base/))
    tmux('kill-server')
    for (let tries = 0; tries < 150 && !existsSync(told); tries++) await sleep(100)
    expect(existsSync(told)).toBe(true)
  })

  test('the terminal comes back: SIGTERM that nobody handles', async () => {
    await play(80, 24, 'passed 40 20 30000')
    await until('the picture', shows(/▶ LOAD/))
    expect(ask('#{alternate_on} #{cursor_flag}')).toBe('1 0')
    const shell = ask('#{pane_pid}')
    const children = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', shell], { encoding: 'utf8' })
    const pid = Number(
      children
        .split('\n')
        .find((line) => line.includes('player.mjs'))!
        .trim()
        .split(' ')[0],
    )
    process.kill(pid, 'SIGTERM')
    expect((await expectRestored()).join('\n')).toContain('ended 143')
  })
})
