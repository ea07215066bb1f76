import type { RunEvent } from '../run/events.ts'
import { createRunFolder, type RunFolder } from '../run/folder.ts'
import { self } from '../runtime/run-mark.ts'
import { channel } from './channel.ts'
import { describeRun } from './describe.ts'
import type { Emit } from './emit.ts'
import { outcomeOf, writtenUp } from './ending.ts'
import type { RunPlan } from './plan.ts'

/** What an experiment is given while it is written down. */
export interface Recording {
  folder: RunFolder
  emit: Emit
  /** Aborted when the run is interrupted, or broken. */
  signal: AbortSignal
  /** Ends the experiment as failed; the reason is the error. */
  broken: AbortController
}

/** Does an experiment, which returns its exit code, and tells and writes down all of it, from `run-started` to `run-ended`. */
export function recorded(plan: RunPlan, signal: AbortSignal, experiment: (recording: Recording) => Promise<number>): AsyncIterable<RunEvent> {
  const events = channel<RunEvent>()
  record(plan, signal, experiment, (event) => events.push(event)).then(
    () => events.close(),
    (error: unknown) => events.close(error),
  )
  return events
}

async function record(plan: RunPlan, interrupted: AbortSignal, experiment: (recording: Recording) => Promise<number>, tell: (event: RunEvent) => void): Promise<void> {
  const started = await describeRun(plan)
  const broken = new AbortController()
  const folder = await createRunFolder(plan.resultsDir, started, self(), (error) => broken.abort(error), plan.folderName)
  const emit: Emit = (event) => {
    const timed = { atMs: Date.now(), ...event } as RunEvent
    folder.append(timed)
    tell(timed)
  }
  emit(started)
  const signal = AbortSignal.any([interrupted, broken.signal])
  const end = await outcomeOf(() => experiment({ folder, emit, signal, broken }), interrupted, broken.signal)
  const ended = await writtenUp(folder, end)
  tell(ended)
  await folder.finish(ended.status, ended.exitCode, ended.why)
}
