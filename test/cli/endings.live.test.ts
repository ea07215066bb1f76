import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RunFile } from '../../src/run/folder.ts'
import { gone, lab, startLab, type LabProcess } from './lab-process.ts'
import { skippedUnless } from '../skipped.ts'

const idleWorker = fileURLToPath(new URL('../experiment/sabotage/idle.yaml', import.meta.url))
const TEARDOWN_MS = 20_000
const WATCHDOG_MS = 15_000

let results: string
beforeEach(() => {
  results = mkdtempSync(join(tmpdir(), 'load-lab-test-'))
})
afterEach(() => rmSync(results, { recursive: true, force: true }))

const spike = (...more: string[]) => ['run', 'spike', '--arch', 'v2', '--json', '--rate', '50', '--duration', '10', '--subscribers', '2', '--results', results, ...more]

function runFile(): RunFile {
  const [folder] = readdirSync(results)
  return JSON.parse(readFileSync(join(results, folder!, 'run.json'), 'utf8')) as RunFile
}

async function runIdOf(running: LabProcess): Promise<string> {
  const started = await running.until((event) => event.type === 'run-started')
  return (started as Extract<typeof started, { type: 'run-started' }>).runId
}

async function endsInOrder(running: LabProcess, interrupt: () => unknown): Promise<void> {
  const runId = await runIdOf(running)
  const atMs = Date.now()
  interrupt()
  const { code } = await running.exited
  expect(code).toBe(130)
  expect(Date.now() - atMs).toBeLessThan(TEARDOWN_MS)
  expect(await gone(runId, 0)).toBeLessThan(TEARDOWN_MS)
  expect(existsSync(join(tmpdir(), `load-lab-${runId}`))).toBe(false)
  expect(readdirSync(results)).toEqual([`${runId}.partial`])
  expect(runFile().status).toBe('aborted')
  expect(existsSync(join(results, `${runId}.partial`, 'report.md'))).toBe(true)
}

describe('Ctrl-C', () => {
  test.each(['up', 'load', 'settle'] as const)('in stage %s: torn down, partial results kept and marked', async (stage) => {
    // A worker that does nothing keeps the run settling.
    const running = startLab(spike(...(stage === 'settle' ? ['--duration', '2', '--compose', idleWorker] : [])))
    await running.until((event) => event.type === 'stage' && event.stage === stage)
    await endsInOrder(running, () => running.child.kill('SIGINT'))
  })

  test('while services start', async () => {
    const running = startLab(spike())
    await running.until((event) => event.type === 'service-started')
    await endsInOrder(running, () => running.child.kill('SIGINT'))
  })

  test('in the middle of the load', async () => {
    const running = startLab(spike())
    await running.until((event) => event.type === 'sample' && event.second > 2)
    await endsInOrder(running, () => running.child.kill('SIGINT'))
    const summary = JSON.parse(readFileSync(join(results, readdirSync(results)[0]!, 'summary.json'), 'utf8')) as { status: string; phases: unknown[] }
    expect(summary.status).toBe('aborted')
    expect(summary.phases.length).toBeGreaterThan(0)
  })

  test('twice: ends at once, and the watchdog clears up', async () => {
    const running = startLab(spike())
    const runId = await runIdOf(running)
    await running.until((event) => event.type === 'sample')
    running.child.kill('SIGINT')
    running.child.kill('SIGINT')
    expect((await running.exited).code).toBe(130)
    await gone(runId, WATCHDOG_MS)
  })

  test('SIGTERM ends in order with 143', async () => {
    const running = startLab(spike())
    const runId = await runIdOf(running)
    await running.until((event) => event.type === 'sample')
    running.child.kill('SIGTERM')
    expect((await running.exited).code).toBe(143)
    await gone(runId, 0)
  })
})

describe('SIGKILL of the lab', () => {
  test.each(['service-started', 'sample'] as const)('at the first %s: nothing is left within 15 s', async (type) => {
    const running = startLab(spike())
    const runId = await runIdOf(running)
    await running.until((event) => event.type === type)
    running.child.kill('SIGKILL')
    await running.exited
    const tookMs = await gone(runId, WATCHDOG_MS)
    await expect.poll(() => existsSync(join(tmpdir(), `load-lab-${runId}`)), { timeout: WATCHDOG_MS - tookMs }).toBe(false)
    expect(runFile().status).toBe('running')
  })
})

describe('a service that dies by itself', () => {
  test('is reported with the end of its log, and fails the run', async () => {
    const running = startLab(spike())
    const runId = await runIdOf(running)
    const started = await running.until((event) => event.type === 'service-started' && event.service === 'postgres')
    await running.until((event) => event.type === 'sample' && event.second > 1)
    process.kill((started as Extract<typeof started, { type: 'service-started' }>).pid!, 'SIGKILL')
    expect((await running.exited).code).toBe(4)
    await gone(runId, 0)
    expect(runFile()).toMatchObject({ status: 'failed', exitCode: 4 })
    expect(runFile().why).toMatch(/postgres died by itself \(SIGKILL\); the end of its log:\n.*ready to accept connections/s)
  })
})

describe('what cannot be', () => {
  test.each([
    ['an unknown architecture', ['run', 'spike', '--arch', 'v22'], /no architecture "v22".*Did you mean "v2"/s],
    ['an unknown scenario', ['run', 'spke', '--arch', 'v2'], /no scenario "spke".*Did you mean "spike"/s],
    ['an unknown knob', ['run', 'spike', '--arch', 'v2', '--set', 'bach=5'], /bach.*batch/s],
    ['a knob out of bounds', ['run', 'spike', '--arch', 'v2', '--set', 'batch=0'], /batch.*0.*10000/s],
    ['a rate that is none', ['run', 'spike', '--arch', 'v2', '--rate', 'fast'], /--rate fast: must be a number/],
    ['several at once', ['run', 'spke', '--arch', 'v22', '--rate', '-1'], /spke.*v22.*--rate/s],
    ['no architecture', ['run', 'spike'], /--arch/],
    ['an unknown option', ['run', 'spike', '--arch', 'v2', '--rat', '5'], /unknown option.*--rat/s],
    ['an unknown command', ['rum'], /unknown command.*run/s],
    ['a missing compose file', ['run', 'spike', '--arch', 'v2', '--compose', 'nowhere.yaml'], /nowhere.yaml: no such file/],
    ['a report of no run', ['report', 'nowhere'], /no run 'nowhere'/],
  ])('%s: said clearly, exit code 2', async (_, args, says) => {
    const { code, stderr } = await lab(args)
    expect(stderr).toMatch(says)
    expect(stderr).not.toMatch(/\n\s+at /)
    expect(code).toBe(2)
  })

  test('a results folder that cannot be written: exit code 2, nothing started', async () => {
    const file = join(results, 'file')
    writeFileSync(file, '')
    const { code, stderr } = await lab(['run', 'spike', '--arch', 'null', '--results', join(file, 'results')])
    expect(code).toBe(2)
    expect(stderr).toMatch(/cannot write results to .*file.*--results/s)
  })

  test('a taken port: named, exit code 3', async () => {
    const first = await lab(['up', '--arch', 'null', '--port', '18615'])
    expect(first.stderr).not.toMatch(/lab:/)
    try {
      const { code, stderr } = await lab(['up', '--arch', 'v2', '--port', '18615'])
      expect(stderr).toMatch(/18615/)
      expect(code).toBe(3)
    } finally {
      await lab(['down', '--arch', 'null'])
    }
  })

  const isRoot = process.getuid?.() === 0
  test.skipIf(!isRoot)(`a full disk: said, exit code 3, nothing left running${skippedUnless(isRoot, 'only root may mount a small disk')}`, async () => {
    const small = join(results, 'small')
    mkdirSync(small)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small])
    try {
      const running = startLab(['run', 'spike', '--arch', 'null', '--json', '--rate', '100', '--duration', '12', '--results', small])
      const runId = await runIdOf(running)
      expect((await running.exited).code).toBe(3)
      expect(running.events.at(-1)).toMatchObject({ type: 'run-ended', why: expect.stringMatching(/no space left/i) as string })
      await gone(runId, 0)
    } finally {
      execFileSync('umount', [small])
    }
  })
})
