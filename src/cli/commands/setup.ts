import { composeFiles, loadArchitecture } from '../../experiment/plan.ts'
import { cacheDirs, discardDamaged } from '../../runtime/cache.ts'
import { setup } from '../../runtime/local/local.ts'
import { isEntryOf } from '../../runtime/doctor-backends.ts'
import { fetchLine } from '../fetch-line.ts'
import { onInterruption } from '../interruption.ts'
import { providersOf } from '../providers.ts'

/** What was fetched before is read and compared with its checksums, and kept unless it is damaged; an interrupted fetch starts clean next time. */
export async function setupCommand(options: { arch: string }): Promise<void> {
  const architecture = await loadArchitecture(options.arch)
  using interruptions = onInterruption(() => undefined)
  const needed = Object.values(await providersOf(architecture.id)).flat()
  for (const { path, says } of await discardDamaged(cacheDirs(), interruptions.signal, isEntryOf(needed))) {
    process.stderr.write(`removed ${path}: ${says}; it is made anew where it is needed\n`)
  }
  await setup(composeFiles(architecture), interruptions.signal, (event) => {
    if (event.type === 'fetch') process.stderr.write(`${fetchLine(event)}\n`)
  })
  process.stdout.write(`${architecture.id} has all it needs\n`)
}
