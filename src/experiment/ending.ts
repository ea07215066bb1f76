import { writeReports } from '../reports/write.ts'
import { EXIT, LabError } from '../run/errors.ts'
import type { RunEvent, RunStatus } from '../run/events.ts'
import type { RunFolder } from '../run/folder.ts'

/** How a run was told to end before its time. */
export interface Interruption {
  exitCode: typeof EXIT.interrupted | typeof EXIT.terminated
}

type RunEnded = Extract<RunEvent, { type: 'run-ended' }>

/** Writes the end and the reports; where that cannot be done, the run has failed, whatever it was before. */
export async function writtenUp(folder: RunFolder, end: Ending): Promise<RunEnded> {
  const ended: RunEnded = { atMs: Date.now(), type: 'run-ended', ...end }
  folder.append(ended)
  await folder.flush()
  try {
    await writeReports(folder.path)
    return ended
  } catch (error) {
    if (end.status !== 'complete') return ended
    const known = error instanceof LabError || 'code' in (error as object)
    const failed: RunEnded = { ...ended, status: 'failed', exitCode: known ? EXIT.prerequisite : EXIT.internal, why: `the report cannot be written: ${known ? (error as Error).message : (error as Error).stack}` }
    folder.append(failed)
    return failed
  }
}

export interface Ending {
  status: RunStatus
  exitCode: number
  why?: string
}

/** The end of a run as data: its verdict's exit code, an interruption, or what went wrong. */
export async function outcomeOf(
  work: () => Promise<number>,
  interrupted: AbortSignal,
  broken: AbortSignal,
): Promise<Ending> {
  try {
    return { status: 'complete', exitCode: await work() }
  } catch (thrown) {
    if (interrupted.aborted) return { status: 'aborted', exitCode: (interrupted.reason as Interruption).exitCode, why: 'interrupted' }
    // What fails after a service died or the disk was full fails because of it.
    const error: unknown = broken.aborted ? broken.reason : thrown
    const exitCode = error instanceof LabError ? error.exitCode : EXIT.internal
    const hint = error instanceof LabError && error.hint !== undefined ? `\n${error.hint}` : ''
    return { status: 'failed', exitCode, why: `${error instanceof LabError ? error.message : ((error as Error).stack ?? String(error))}${hint}` }
  }
}

