import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { EXIT, LabError } from '../run/errors.ts'
import type { Build } from './build.ts'

/** What is run again and again; the same for both builds. */
export interface Work {
  scenario: string
  arch: string
  set: readonly string[]
  duration: string
  rate?: string
}

/** Ways to end that leave a complete run behind: passed, expectation missed, INVALID, data wrong. */
const COMPLETE: readonly number[] = [EXIT.passed, EXIT.expectation, EXIT.invalid, EXIT.data]
/** Twice what a lab needs to tear everything down. */
const STOP_WITHIN_MS = 40_000

/**
 * One run of a build in a process of its own, into a results folder of its own; resolves with the folder of the run. A build that is told
 * to stop is given the time to tear down what it started.
 */
export async function oneRun({ folder, revision }: Build, { scenario, arch, set, duration, rate }: Work, seed: number, results: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  const args = ['run', scenario, '--arch', arch, ...set.flatMap((knob) => ['--set', knob]), '--duration', duration, ...(rate === undefined ? [] : ['--rate', rate]), '--seed', String(seed), '--results', results, '--plain']
  const { LAB_DIST: _otherBuild, GITHUB_STEP_SUMMARY: _ours, ...env } = process.env
  // A group of its own: Ctrl-C at the terminal reaches it once, by us.
  const child = spawn(join(folder, 'lab'), args, { env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
  let words = ''
  child.stderr.on('data', (text: Buffer) => (words = `${words}${text.toString()}`.slice(-4_000)))
  let force: NodeJS.Timeout | undefined
  const stop = () => {
    child.kill('SIGINT')
    force = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS)
  }
  signal.addEventListener('abort', stop, { once: true })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  }).finally(() => {
    signal.removeEventListener('abort', stop)
    clearTimeout(force)
  })
  signal.throwIfAborted()
  const [run] = (await readdir(results).catch(() => [])).filter((name) => !name.endsWith('.partial'))
  if (code !== null && COMPLETE.includes(code) && run !== undefined) return join(results, run)
  throw new LabError(code === EXIT.prerequisite ? EXIT.prerequisite : EXIT.usage, `a run of ${revision.name} ended with exit code ${code}:\n${words.trim().split('\n').slice(-12).join('\n')}`, `try it alone: cd into a checkout of ${revision.commit.slice(0, 12)}, ./lab ${args.filter((arg) => arg !== '--plain').join(' ')}`)
}
