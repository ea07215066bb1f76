import { relative } from 'node:path'
import { findRun, readRunFile } from '../../run/find.ts'
import { followEvents } from '../../run/tail.ts'
import { isAlive } from '../../runtime/processes.ts'
import { onInterruption } from '../interruption.ts'
import { show, type ShowOptions } from '../show.ts'

/** Watching ends with the run or with the watcher; the run itself is never touched. */
export async function watchCommand(name: string, options: { results: string } & ShowOptions): Promise<void> {
  const folder = await findRun(name, options.results)
  const { lab } = await readRunFile(folder)
  using interruptions = onInterruption(() => undefined)
  const events = followEvents(folder, () => isAlive(lab), interruptions.signal)
  await show(events, options, interruptions.interrupt, () => relative(process.cwd(), folder))
}
