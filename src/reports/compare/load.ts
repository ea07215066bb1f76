import { basename } from 'node:path'
import { EXIT, LabError } from '../../run/errors.ts'
import type { RunStarted } from '../../run/events.ts'
import { readRunFile } from '../../run/find.ts'
import { readRecord } from '../../run/record.ts'
import { doubtsOf } from '../validity.ts'
import type { ComparedRun } from './compare.ts'
import { metricsOf } from './metrics.ts'
import { differencesBetween, type Difference } from './same-work.ts'

/** A complete run, ready to be compared. */
export interface LoadedRun extends ComparedRun {
  folder: string
  described: RunStarted
}

/** Reads complete runs. Throws {@link LabError} (exit code 2) that names every folder that cannot be compared, and why. */
export async function loadRuns(folders: readonly string[]): Promise<LoadedRun[]> {
  const loaded: LoadedRun[] = []
  const problems: string[] = []
  for (const folder of folders) {
    try {
      loaded.push(await loadRun(folder))
    } catch (error) {
      if (!(error instanceof LabError)) throw error
      problems.push(error.message)
    }
  }
  if (problems.length > 0) throw new LabError(EXIT.usage, problems.join('\n'), 'lab list runs shows which runs are complete')
  return loaded
}

async function loadRun(folder: string): Promise<LoadedRun> {
  const { status, why } = await readRunFile(folder)
  if (status !== 'complete') {
    const became = { running: 'goes on still, or its lab was killed', aborted: 'was interrupted', failed: `failed${why === undefined ? '' : ` (${why.split('\n')[0]})`}` }[status]
    throw new LabError(EXIT.usage, `${basename(folder)} ${became}: only complete runs can be compared`)
  }
  const record = await readRecord(folder)
  const { verdict } = record.state
  if (verdict === undefined) throw new LabError(EXIT.usage, `${basename(folder)} is damaged: its events end before the verdict`)
  const { grave, late } = doubtsOf(verdict.validity)
  const metrics = metricsOf(record)
  return {
    folder,
    described: record.run,
    runId: record.run.runId,
    metrics: late === undefined ? metrics : metrics.filter(({ isLatency }) => isLatency !== true),
    ...(late !== undefined && { late: `${late.check}: ${late.says}` }),
    ...(grave !== undefined && { doubt: `INVALID, ${grave.check}: ${grave.says}` }),
    ...(verdict.exitCode === EXIT.data && { wrong: verdict.reasons[0] ?? 'its data are wrong' }),
  }
}

/**
 * What differs between two sides. Throws {@link LabError} (exit code 2) where they did not do the same work on the same machine,
 * where the runs of one side differ among themselves, where a run is named twice, or where the base lost data.
 */
export function sameWork(base: readonly LoadedRun[], head: readonly LoadedRun[]): Difference[] {
  const problems = [...twice([...base, ...head]), ...within('against', base), ...within('this side', head), ...base.flatMap(({ runId, wrong }) => (wrong === undefined ? [] : [`${runId} can be no baseline: ${wrong}`]))]
  const found = differencesBetween(base[0]!.described, head[0]!.described)
  problems.push(...found.flatMap(({ what, base: one, head: other, forbidden }) => (forbidden ? [`not the same work: ${what} is ${one} in ${base[0]!.runId}, ${other} in ${head[0]!.runId}`] : [])))
  if (problems.length > 0) throw new LabError(EXIT.usage, problems.join('\n'), 'compare runs of one scenario, rate and machine; each side of one architecture, its knobs and its code')
  return found
}

function within(side: string, runs: readonly LoadedRun[]): string[] {
  const [first, ...others] = runs
  return others.flatMap((run) => differencesBetween(first!.described, run.described).slice(0, 3).map(({ what, base, head }) => `${side} is not one system: ${what} is ${base} in ${first!.runId}, ${head} in ${run.runId}`))
}

function twice(runs: readonly LoadedRun[]): string[] {
  const seen = new Set<string>()
  return runs.flatMap(({ runId }) => (seen.has(runId) ? [`${runId} is named twice`] : (seen.add(runId), [])))
}
