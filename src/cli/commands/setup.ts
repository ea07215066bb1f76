import { composeFiles, loadArchitecture } from '../../experiment/plan.ts'
import { setup } from '../../runtime/local/local.ts'
import { fetchLine } from '../fetch-line.ts'
import { onInterruption } from '../interruption.ts'

/** What was fetched before is checked and kept; an interrupted fetch starts clean next time. */
export async function setupCommand(options: { arch: string }): Promise<void> {
  const architecture = await loadArchitecture(options.arch)
  using interruptions = onInterruption(() => undefined)
  await setup(composeFiles(architecture), interruptions.signal, (event) => {
    if (event.type === 'fetch') process.stderr.write(`${fetchLine(event)}\n`)
  })
  process.stdout.write(`${architecture.id} has all it needs\n`)
}
