import { basename } from 'node:path'
import { EXIT, LabError } from '../../../run/errors.ts'
import { readRunFile, runFolders } from '../../../run/find.ts'
import type { RunFile } from '../../../run/folder.ts'
import { isAlive } from '../../../runtime/processes.ts'

/** What became of a run, as far as its `run.json` says. */
export const VERDICTS = ['passed', 'failed', 'invalid', 'running', 'aborted', 'broken', 'unreadable'] as const
export type RunVerdict = (typeof VERDICTS)[number]

/** One folder of the results. */
export interface PastRun {
  folder: string
  /** Name of the folder. */
  name: string
  verdict: RunVerdict
  /** Empty where it cannot be read. */
  scenario: string
  architecture: string
  /** ISO 8601; empty where it cannot be read. */
  startedAt: string
  /** Knobs that were set, rate and the like: the command without what is said already. */
  extras: string
  commandLine: string
  /** Why it ended as it did, or cannot be read. */
  why?: string
  exitCode?: number
}

/** Newest first. Never fails: what cannot be read says why. */
export async function pastRuns(resultsDir: string): Promise<PastRun[]> {
  const folders = await runFolders(resultsDir).catch(() => [])
  return (await Promise.all(folders.toReversed().map(pastRun))).sort(newestFirst)
}

function newestFirst(a: PastRun, b: PastRun): number {
  return timeOf(b).localeCompare(timeOf(a))
}

/** Of what cannot be read the name may still tell: `20261121-073140-spike-v2-3fa1`. */
function timeOf({ startedAt, name }: PastRun): string {
  return startedAt !== '' ? startedAt.replace(/[-:]/g, '').replace('T', '-') : /^\d/.test(name) ? name : ''
}

async function pastRun(folder: string): Promise<PastRun> {
  const name = basename(folder)
  try {
    const file = await readRunFile(folder)
    const { verdict, why } = becameOf(file)
    const { architecture, startedAt, exitCode, commandLine } = file
    return {
      folder, name, verdict, scenario: file.scenario.id, architecture, startedAt, commandLine: String(commandLine), extras: extrasOf(String(commandLine)),
      ...(why !== undefined && { why }),
      ...(exitCode !== undefined && { exitCode }),
    }
  } catch (error) {
    // A JSON document of another shape is as unreadable as none: no folder may hide the others.
    const why = error instanceof LabError ? error.message : `its run.json has not the form of one (${(error as Error).message})`
    return { folder, name, verdict: 'unreadable', scenario: '', architecture: '', startedAt: '', extras: '', commandLine: '', why: why.replace(`${folder}/`, '') }
  }
}

function becameOf({ status, exitCode, why, lab }: RunFile): { verdict: RunVerdict; why?: string } {
  const reason = why === undefined ? {} : { why }
  if (status === 'running') return isAlive(lab) ? { verdict: 'running' } : { verdict: 'broken', why: 'its lab was killed before the end' }
  if (status === 'aborted') return { verdict: 'aborted', ...reason }
  if (status === 'failed') return { verdict: 'broken', ...reason }
  return { verdict: exitCode === EXIT.passed ? 'passed' : exitCode === EXIT.invalid ? 'invalid' : 'failed', ...reason }
}

/** `./lab run spike --arch v2 --set batch=50 --results x` → `batch=50`. */
function extrasOf(commandLine: string): string {
  const words = commandLine.split(' ').slice(3)
  const pairs: string[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (/^(--results|--arch|-a)$/.test(word)) at++
    else if (/^(--set|-s|--fault)$/.test(word)) pairs.push(words[++at] ?? '')
    else if (/^--(rate|duration|history|runtime|connections|subscribers|retries)$/.test(word)) pairs.push(`${word.slice(2)}=${words[++at] ?? ''}`)
  }
  return pairs.filter((pair) => pair !== '').join(' ')
}

/** Does it say everything that was typed, in any order? */
export function matches(run: PastRun, filter: string): boolean {
  const text = `${run.verdict} ${run.scenario} ${run.architecture} ${run.name} ${run.extras}`.toLowerCase()
  return filter.toLowerCase().split(' ').every((word) => text.includes(word))
}
