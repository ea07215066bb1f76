import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EXIT, LabError } from '../run/errors.ts'
import type { RunEvent } from '../run/events.ts'
import { readRunFile, runFolders } from '../run/find.ts'
import { planRun, type RunOptions, type RunPlan } from './plan.ts'
import { play } from './breakpoint.ts'
import type { Runtime } from '../runtime/runtime.ts'

/** What is run on what: every scenario on every architecture. */
export interface MatrixPlan {
  folder: string
  architectures: readonly string[]
  scenarios: readonly string[]
  options: Pick<RunOptions, 'rate' | 'duration' | 'seed' | 'history'>
}

export interface MatrixCell {
  architecture: string
  scenario: string
  /** The scenario as typed, where that is the name of a file. */
  file?: string
  /** Of a run that came to its end; absent: still to be run. */
  folder?: string
}

export type MissingCell = MatrixCell & { why: string }

/**
 * Checks every cell before the first is run, and finds those that an earlier call has run to their end. Throws {@link LabError} (exit code 2)
 * that names all problems, also where the folder holds a matrix of other options.
 */
export async function planMatrix({ folder, architectures, scenarios, options }: MatrixPlan, runtime: Runtime): Promise<MatrixCell[]> {
  const cells: MatrixCell[] = []
  const problems = new Set<string>()
  for (const asked of architectures.flatMap((architecture) => scenarios.map((scenario): MatrixCell => ({ architecture, scenario })))) {
    try {
      const { scenario: { id } } = await planCell(asked, folder, options, runtime)
      cells.push(id === asked.scenario ? asked : { ...asked, scenario: id, file: asked.scenario })
    } catch (error) {
      if (!(error instanceof LabError)) throw error
      for (const line of error.message.split('\n')) problems.add(line)
    }
  }
  if (problems.size > 0) throw new LabError(EXIT.usage, [...problems].join('\n'), 'lab list shows architectures and scenarios')
  await agree(folder, options)
  const done = await complete(folder)
  return cells.map((cell) => ({ ...cell, folder: done.get(keyOf(cell)) }))
}

function planCell({ architecture, scenario: id, file: scenario = id }: MatrixCell, folder: string, options: MatrixPlan['options'], runtime: Runtime): Promise<RunPlan> {
  const words = ['./lab run', scenario, '--arch', architecture, ...Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]))]
  return planRun({ ...options, scenario, arch: architecture, set: [], compose: [], results: folder }, runtime, words.join(' '))
}

/** Runs a cell to its end and tells its events; resolves with its folder, or why there is none. */
export async function runCell(cell: MatrixCell, { folder, options }: MatrixPlan, runtime: Runtime, signal: AbortSignal, tell: (events: AsyncIterable<RunEvent>) => Promise<RunEvent | undefined>): Promise<MatrixCell | MissingCell> {
  const plan = await planCell(cell, folder, options, runtime)
  const end = await tell(play(plan, signal))
  if (end?.type === 'run-ended' && end.status === 'complete') return { ...cell, folder: join(folder, plan.runId) }
  return { ...cell, why: end?.type === 'run-ended' ? `the run ${end.status}${end.why === undefined ? '' : `: ${end.why.split('\n')[0]}`}` : 'the run did not come to its end' }
}

/** Rates and lengths must be the same for all that is compared. */
async function agree(folder: string, options: MatrixPlan['options']): Promise<void> {
  const path = join(folder, 'options.json')
  const wanted = JSON.stringify(options)
  const there = await readFile(path, 'utf8').catch(() => undefined)
  if (there === undefined) {
    await mkdir(folder, { recursive: true }).catch((error: Error) => {
      throw new LabError(EXIT.usage, `cannot write results to ${folder}: ${error.message}`, 'choose another folder with --results <folder>')
    })
    await writeFile(`${path}.new`, `${wanted}\n`)
    await rename(`${path}.new`, path)
  } else if (there.trim() !== wanted) {
    throw new LabError(EXIT.usage, `${folder} was begun with other options: ${there.trim()}, now ${wanted}`, 'use the same, or begin another with --name')
  }
}

/** The newest complete run of every cell. */
async function complete(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const path of await runFolders(folder)) {
    const file = await readRunFile(path).catch((error: unknown) => {
      if (!(error instanceof LabError)) throw error
    })
    if (file?.status === 'complete') found.set(keyOf({ architecture: file.architecture, scenario: file.scenario.id }), path)
  }
  return found
}

function keyOf({ architecture, scenario }: MatrixCell): string {
  return `${scenario} on ${architecture}`
}
