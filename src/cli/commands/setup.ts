import { composeFiles, loadArchitecture } from '../../experiment/plan.ts'
import { setup } from '../../runtime/local/local.ts'
import { fetchLine } from '../fetch-line.ts'
import { onInterruption } from '../interruption.ts'

/** What was fetched before is checked and kept; an interrupted fetch starts clean next time. */
export async function setupCommand(options: { arch: string }): Promise<void> {
  const { id } = await loadArchitecture(options.arch)
  using interruptions = onInterruption(() => undefined)
  await setup(composeFiles(id), interruptions.signal, (event) => {
    if (event.type === 'fetch') process.stderr.write(`${fetchLine(event)}\n`)
  })
  process.stdout.write(`${id} has all it needs\n`)
}
