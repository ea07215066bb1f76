import { readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { beginScale, dueRuns, planStep, playStep, readScale, stepsFor, type Due, type ScaleProgress } from '../../experiment/scale.ts'
import type { Interruption } from '../../experiment/ending.ts'
import { appendJobSummary } from '../../reports/job-summary.ts'
import type { StepResult } from '../../reports/scale/result.ts'
import { MARKER, scaleText } from '../../reports/scale/text.ts'
import { EXIT, LabError } from '../../run/errors.ts'
import { local } from '../../runtime/local/local.ts'
import { QUESTIONS, secondsOf, setOf, type Question, type ScaleSize } from '../../scenarios/scale/step.ts'
import { stepsOf } from '../../scenarios/scale/steps.ts'
import { onInterruption } from '../interruption.ts'
import { plainRun } from '../plain-run.ts'

export interface ScaleOptions {
  quick?: boolean
  only?: string
  out: string
  results: string
  dryRun?: boolean
}

/** The short form begins no run that would not end within this, s. */
const QUICK_SECONDS = 15 * 60

type Say = (line: string) => void

/** All experiments, and SCALE.md from them; goes on where it was interrupted. */
export async function scaleCommand(options: ScaleOptions): Promise<void> {
  const size: ScaleSize = options.quick === true ? 'quick' : 'full'
  const folder = join(resolve(options.results), size === 'quick' ? 'scale-quick' : 'scale')
  const steps = stepsFor(size, questionsIn(options.only))
  const out = resolve(options.out)
  await mayWrite(out, options.out)
  if (options.dryRun === true) {
    const { found } = await readScale(folder)
    process.stdout.write(dryRun(dueRuns(steps, found)))
    return
  }
  await beginScale(folder, size)
  const progress = await readScale(folder)
  const due = dueRuns(steps, progress.found)
  const command = `./lab scale${size === 'quick' ? ' --quick' : ''}`
  for (const { step } of due) await planStep(step, folder, local, command)
  const say: Say = (line) => process.stderr.write(`lab: ${line}\n`)
  say(`${due.length} runs to make, about ${minutes(secondsOfAll(due))}; ${progress.found.length} are there already`)
  using interruptions = onInterruption(say, 'this run is torn down; the same command goes on here')
  await playAll(due, { folder, command, progress, signal: interruptions.signal, say, ...(size === 'quick' && { budgetSeconds: QUICK_SECONDS }) })
  if (interruptions.signal.aborted) {
    process.exitCode = (interruptions.signal.reason as Interruption).exitCode
    return
  }
  const text = scaleText({ size, steps: stepsOf(size), found: progress.found, failures: progress.failures })
  // What is there now may be somebody else's, written while the runs went on.
  await mayWrite(out, options.out)
  await writeFile(`${out}.new`, text)
  await rename(`${out}.new`, out)
  await appendJobSummary(text)
  say(`written: ${relative(process.cwd(), out)}; runs: ${relative(process.cwd(), folder)}`)
  if (progress.found.some(lostMore)) process.exitCode = EXIT.data
  else if (dueRuns(steps, progress.found).length > 0) process.exitCode = EXIT.expectation
}

/** Than its guarantee allows. */
function lostMore({ summary, search }: StepResult): boolean {
  return (summary?.accounting?.lost ?? 0) > (summary?.accounting?.lostExcused ?? 0) || search?.answer?.why === 'data'
}

interface Sitting {
  folder: string
  command: string
  /** Grows. */
  progress: ScaleProgress
  signal: AbortSignal
  say: Say
  budgetSeconds?: number
}

async function playAll(due: readonly Due[], { folder, command, progress, signal, say, budgetSeconds = Infinity }: Sitting): Promise<void> {
  const beganMs = performance.now()
  for (const [index, one] of due.entries()) {
    const { step, repetition } = one
    if ((performance.now() - beganMs) / 1_000 + secondsOfAll([one]) > budgetSeconds) {
      say(`${due.length - index} runs are left and the ${minutes(budgetSeconds)} are over: the same command goes on with them`)
      return
    }
    say(`${index + 1} of ${due.length}: ${step.id}${step.repetitions > 1 ? `, ${repetition} of ${step.repetitions}` : ''}: ${step.says}; about ${minutes(secondsOfAll(due.slice(index)))} left`)
    const { result, why } = await attempt(async () => playStep(await planStep(step, folder, local, command), signal, plainRun))
    if (signal.aborted) return
    if (result !== undefined) progress.found.push(result)
    else {
      progress.failures.set(step.id, why ?? 'it did not come to its end')
      say(`${step.id}: ${why}; the others go on`)
    }
  }
}

/** What one run lacks on this machine is its own affair: its rows will say so. */
async function attempt(run: () => ReturnType<typeof playStep>): ReturnType<typeof playStep> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    return { why: error.message.split('\n')[0]! }
  }
}

function secondsOfAll(due: readonly Due[]): number {
  return due.reduce((sum, { step }) => sum + secondsOf({ ...step, repetitions: 1 }), 0)
}

function dryRun(due: readonly Due[]): string {
  const lines = [...Map.groupBy(due, ({ step }) => step.id).values()].map((those) => {
    const { step } = those[0]!
    const set = setOf(step).map((pair) => ` --set ${pair}`).join('')
    const history = step.history > 0 ? ` --history ${step.history}` : ''
    return `${step.id}\t${those.length} × ${Math.round(secondsOfAll([those[0]!]))} s\t${step.kind} of ${step.questions.join(',')}\t--arch ${step.architecture}${set}${history}\t${step.says}\n`
  })
  return `${lines.join('')}${due.length} runs, about ${minutes(secondsOfAll(due))}\n`
}

function minutes(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : seconds < 5_400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`
}

/** Throws {@link LabError} (exit code 2) for what is none of the seven. */
export function questionsIn(only: string | undefined): readonly Question[] {
  if (only === undefined) return QUESTIONS
  const given = only.split(',').map((text) => text.trim()).filter((text) => text !== '')
  const wrong = given.filter((text) => !QUESTIONS.some((question) => String(question) === text))
  if (wrong.length > 0 || given.length === 0) throw new LabError(EXIT.usage, `--only ${JSON.stringify(only)}: ${wrong.length > 0 ? `${wrong.join(', ')} ${wrong.length === 1 ? 'is' : 'are'} none of the questions` : 'names no question'}. There are: ${QUESTIONS.join(', ')}`, 'such as --only 1,2')
  return QUESTIONS.filter((question) => given.includes(String(question)))
}

/** Only what the lab has written itself is written over. Throws {@link LabError} (exit code 2). */
export async function mayWrite(path: string, typed: string): Promise<void> {
  const refuse = (why: string, hint: string) => new LabError(EXIT.usage, `--out ${typed}: ${why}`, hint)
  const folder = await stat(dirname(path)).catch(() => undefined)
  if (folder?.isDirectory() !== true) throw refuse(`there is no folder ${dirname(path)}`, 'make it, or name another file')
  const there = await stat(path).catch(() => undefined)
  if (there === undefined) return
  if (!there.isFile()) throw refuse('is no file', 'name another')
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw refuse(`cannot be read: ${error.message}`, 'name another')
  })
  if (!text.startsWith(MARKER)) throw refuse('was not written by lab scale, and is left as it is', 'name another file with --out, or move it away')
}
