import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { resultOf, type StepResult } from '../reports/scale/result.ts'
import { EXIT, LabError } from '../run/errors.ts'
import type { RunEvent } from '../run/events.ts'
import { readRunFile, runFolders } from '../run/find.ts'
import { readRecord } from '../run/record.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { setOf, type Question, type ScaleSize, type Step } from '../scenarios/scale/step.ts'
import { stepsOf } from '../scenarios/scale/steps.ts'
import { play } from './breakpoint.ts'
import { planRun, type RunPlan } from './plan.ts'

/** What a folder of a scale holds. */
export interface ScaleProgress {
  found: StepResult[]
  /** By step: why its newest run did not come to its end. */
  failures: Map<string, string>
}

/** One run that is still to be made. */
export interface Due {
  step: Step
  /** From 1. */
  repetition: number
}

/** Begins the folder, or checks that it was begun for the same plan. Throws {@link LabError} (exit code 2) otherwise. */
export async function beginScale(folder: string, size: ScaleSize): Promise<void> {
  const path = join(folder, 'scale.json')
  const wanted = { size, plan: fingerprint(stepsOf(size)) }
  const there = await readFile(path, 'utf8').catch(() => undefined)
  if (there === undefined) {
    await mkdir(folder, { recursive: true }).catch((error: Error) => {
      throw new LabError(EXIT.usage, `cannot write results to ${folder}: ${error.message}`, 'choose another folder with --results <folder>')
    })
    if ((await runFolders(folder)).length > 0) throw new LabError(EXIT.usage, `${folder} has runs that are not of a scale`, 'choose another folder with --results <folder>')
    await writeFile(`${path}.new`, `${JSON.stringify(wanted)}\n`)
    await rename(`${path}.new`, path)
    return
  }
  const found = parsed(there)
  if (found === undefined) throw new LabError(EXIT.usage, `${path} cannot be read: it is damaged`, 'choose another folder with --results <folder>')
  if (found.size !== size) throw new LabError(EXIT.usage, `${folder} was begun with ${sizeText(found.size)}, now ${sizeText(size)}`, 'use the same, or another folder with --results <folder>')
  if (found.plan !== wanted.plan) throw new LabError(EXIT.usage, `${folder} was begun by a lab with other steps: its runs do not go with those of this one`, 'choose another folder with --results <folder>')
}

/** All runs of the folder: those that came to their end, and why the others did not. What is damaged counts as not run. */
export async function readScale(folder: string): Promise<ScaleProgress> {
  const found: StepResult[] = []
  const failures = new Map<string, string>()
  for (const path of await runFolders(folder)) {
    try {
      const file = await readRunFile(path)
      if (file.status === 'complete') found.push(resultOf(await readRecord(path)))
      else failures.set(file.scenario.id, `the run ${file.status === 'running' ? 'was cut off' : file.status}${file.why === undefined ? '' : `: ${file.why.split('\n')[0]}`}`)
    } catch (error) {
      if (!(error instanceof LabError)) throw error
    }
  }
  return { found, failures }
}

/** Repetition by repetition, so that what drifts on the machine meets all steps of a question alike. */
export function dueRuns(steps: readonly Step[], found: readonly Pick<StepResult, 'step'>[]): Due[] {
  const done = Map.groupBy(found, ({ step }) => step)
  const most = Math.max(0, ...steps.map(({ repetitions }) => repetitions))
  return Array.from({ length: most }, (_, i) => i + 1).flatMap((repetition) =>
    steps.filter(({ id, repetitions }) => repetition <= repetitions && repetition > (done.get(id)?.length ?? 0)).map((step) => ({ step, repetition })),
  )
}

/** The steps that some questions need. */
export function stepsFor(size: ScaleSize, questions: readonly Question[]): Step[] {
  return stepsOf(size).filter((step) => step.questions.some((question) => questions.includes(question)))
}

/** Checked as any other run. Throws {@link LabError} (exit code 2). */
export async function planStep(step: Step, folder: string, runtime: Runtime, commandLine: string): Promise<RunPlan> {
  const { id, scenario, architecture, ratePerSecond, history } = step
  const plan = await planRun(
    { scenario: step.kind === 'search' ? 'breakpoint' : 'baseline', arch: architecture, set: setOf(step), rate: String(ratePerSecond), ...(history > 0 && { history: String(history) }), results: folder, compose: [] },
    runtime,
    commandLine,
  )
  return { ...plan, scenario, runId: plan.runId.replace(/-(breakpoint|baseline)-/, `-${id}-`) }
}

/** One run in a fresh system; resolves with what became of it. */
export async function playStep(plan: RunPlan, signal: AbortSignal, tell: (events: AsyncIterable<RunEvent>) => Promise<RunEvent | undefined>): Promise<{ result?: StepResult; why?: string }> {
  const end = await tell(play(plan, signal))
  if (end?.type !== 'run-ended') return { why: 'the run did not come to its end' }
  if (end.status !== 'complete') return { why: `the run ${end.status}${end.why === undefined ? '' : `: ${end.why.split('\n')[0]}`}` }
  return { result: resultOf(await readRecord(join(plan.resultsDir, plan.runId))) }
}

function fingerprint(steps: readonly Step[]): string {
  return createHash('sha256').update(JSON.stringify(steps)).digest('hex').slice(0, 16)
}

function sizeText(size: unknown): string {
  return size === 'quick' ? '--quick' : size === 'full' ? 'the full size' : JSON.stringify(size)
}

function parsed(text: string): { size?: unknown; plan?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
