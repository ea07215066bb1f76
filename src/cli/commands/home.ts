import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { EXIT } from '../../run/errors.ts'
import { wantsColor } from '../show.ts'
import { pastRuns } from '../ui/home/runs.ts'
import { showHome } from '../ui/home/show-home.ts'
import { wordsOf } from '../ui/home/form.ts'
import { checkForm, compareRuns, lacksOfThisMachine, loadCatalogue, openRun } from '../home-world.ts'

const RESULTS = 'results'
/** q, Ctrl-C, Ctrl-D, Esc. */
const ENDING = ['q', 'Q', '\u0003', '\u0004', '\u001b']

/**
 * `lab` alone. A run is a process of its own, started with the very words that were shown; after it one key decides between
 * coming back and ending with its exit code, as if it had been typed.
 */
export async function homeCommand(): Promise<void> {
  const looking = new AbortController()
  let begin: Parameters<typeof showHome>[0] = await loadCatalogue()
  const looked = { lacks: undefined as ReturnType<typeof lacksOfThisMachine> | undefined }
  const world = {
    check: (form: Parameters<typeof checkForm>[0]) => checkForm(form, RESULTS),
    look: () => (looked.lacks ??= lacksOfThisMachine(looking.signal)),
    runs: () => pastRuns(RESULTS),
    open: openRun,
    compare: compareRuns,
  }
  try {
    for (;;) {
      const { state, by, copied } = await showHome(begin, world, { stdout: process.stdout, stdin: process.stdin, stderr: process.stderr, color: wantsColor() })
      for (const command of copied) process.stdout.write(`${command}\n`)
      process.exitCode = by.type === 'quit' ? by.exitCode : await runAs(wordsOf(by.form))
      if (by.type === 'quit' || !(await wantsBack(process.exitCode))) return
      begin = { ...state, says: { text: `back from a run that ended with exit code ${process.exitCode}; Tab shows it` } }
    }
  } finally {
    looking.abort()
  }
}

/**
 * Nothing is read from the terminal until somebody listens again. Ink leaves its reading on, which would take keys away from the run. The
 * empty push ends the read that was begun: Node takes it for still going on otherwise, and would never begin another.
 */
async function letGoOfInput(): Promise<void> {
  process.stdin.pause()
  await new Promise((resolve) => setImmediate(resolve))
  process.stdin.push('')
}

/** Runs this lab with other words in this terminal; resolves with its exit code. */
async function runAs(words: readonly string[]): Promise<number> {
  await letGoOfInput()
  const child = spawn(process.execPath, [process.argv[1]!, ...words], { stdio: 'inherit' })
  // Ctrl-C reaches the run by the terminal; what is sent to the home alone is passed on.
  const ignore = () => undefined
  const pass = (signal: NodeJS.Signals) => child.kill(signal)
  process.on('SIGINT', ignore).on('SIGTERM', pass).on('SIGHUP', pass)
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    return code ?? (signal === null ? EXIT.internal : 128 + constants.signals[signal])
  } finally {
    process.off('SIGINT', ignore).off('SIGTERM', pass).off('SIGHUP', pass)
  }
}

/** One key: Enter is back to the home, `q` or Ctrl-C ends. Where the terminal is gone there is nothing to come back to. */
async function wantsBack(exitCode: number): Promise<boolean> {
  const { stdin } = process
  process.stderr.write(`\nEnter: back to the home · q: end with exit code ${exitCode} `)
  stdin.setRawMode(true)
  stdin.ref()
  stdin.resume()
  try {
    for (;;) {
      const [keys] = (await Promise.race([once(stdin, 'data'), once(stdin, 'end').then(() => ['q'])])) as [Buffer | string]
      const text = String(keys)
      if (/[\r\n]/.test(text)) return true
      // Anything else, such as a terminal's late answer to a question of the run's picture, is no key.
      if (ENDING.includes(text)) return false
    }
  } catch {
    return false
  } finally {
    stdin.setRawMode(false)
    await letGoOfInput()
    process.stderr.write('\n')
  }
}
