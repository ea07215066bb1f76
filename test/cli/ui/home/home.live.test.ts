import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import stringWidth from 'string-width'
import { afterAll, afterEach, expect, test } from 'vitest'
import { LAB, lab } from '../../lab-process.ts'
import { skippedUnless } from '../../../skipped.ts'

/** `lab` alone in a real terminal: a tmux pane of its own server. */

const hasTmux = spawnSync('tmux', ['-V']).status === 0

const folder = mkdtempSync(join(tmpdir(), 'load-lab-home-'))
const tmux = (...args: string[]) => execFileSync('tmux', ['-S', join(folder, 'socket'), '-f', '/dev/null', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const screen = () => tmux('capture-pane', '-p').split('\n').slice(0, -1)
const keys = (...names: string[]) => tmux('send-keys', ...names)

async function until(what: string, pattern: RegExp, seconds = 30): Promise<string[]> {
  for (let tries = seconds * 10; tries > 0; tries--) {
    const lines = screen()
    if (pattern.test(lines.join('\n'))) return lines
    await sleep(100)
  }
  throw new Error(`${what}: not seen within ${seconds} s. The screen:\n${screen().join('\n')}`)
}

afterEach(() => void spawnSync('tmux', ['-S', join(folder, 'socket'), 'kill-server']))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('without a terminal: the help, exit code 0', async () => {
  const { code, stdout } = await lab([])
  expect([code, stdout.split('\n')[0]]).toEqual([0, 'Usage: lab [options] [command]'])
})

test.skipIf(!hasTmux)(`a run is chosen, started, read; the terminal is given back; q ends with 0${skippedUnless(hasTmux, 'no tmux on the PATH')}`, async () => {
  mkdirSync(join(folder, 'results', 'damaged'), { recursive: true })
  writeFileSync(join(folder, 'results', 'damaged', 'run.json'), '{')
  tmux('new-session', '-d', '-x', '80', '-y', '24', '-c', folder, "env -u CI LAB_RUNTIME=local LANG=C.UTF-8 PS1='$ ' sh")
  tmux('set', '-g', 'status', 'off')
  tmux('resize-window', '-x', '80', '-y', '24')
  keys('stty -g; ', LAB, '; echo "ended $?"; stty -g', 'Enter')
  const first = await until('the home', /\[new run\] past runs[^]*1 run in results|1 run in results[^]*\[new run\]/)
  for (const line of first) expect(stringWidth(line)).toBeLessThanOrEqual(80)
  expect(first[22]).toMatch(/^ Enter choose .* q quit$/)
  keys('Enter', 'g', 'Enter', '/rate', 'Enter', 'Enter', '50x')
  await until('what is wrong with it, as lab run would say', /✖ --rate 50x: must be a number from 0\.1 to 100000/)
  keys('BSpace', 'Enter', '/duration', 'Enter', 'Enter', '12', 'Enter')
  await until('the command', /\.\/lab run spike --arch null --rate 50 --duration 12/)
  tmux('resize-window', '-x', '200', '-y', '50')
  await until('more room', /╭─\[new run\][^]*╭─ command/)
  keys('s')
  await until('the picture', /▶ LOAD/, 60)
  keys('?')
  await until('a key reaches the run, not the home behind it', /stop the load, keep results/)
  await until('the end of the run', /report +results\/[^]*Enter: back to the home · q: end with exit code \d/, 90)
  keys('Enter')
  await until('the home again, with the same choices', /--arch null --rate 50 --duration 12[^]*back from a run that ended with exit code \d/)
  keys('Tab')
  await until('both runs, the damaged one last', /spike +null[^\n]*\n[^\n]*▲ unreadable damaged/)
  keys('Enter')
  await until('its report, and where the page is', /results\/\d+-\d+-spike-null-\w+\/report\.html[^]*A spike to ten times the base load: null/)
  keys('q', 'q')
  const last = await until('the end', /ended 0\n[0-9a-f:]+\n/)
  const settings = last.filter((line) => /^[0-9a-f]+:[0-9a-f:]+$/.test(line.trim()))
  expect(tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}').trim()).toBe('0 1')
  expect(new Set(settings).size).toBe(1)
})
