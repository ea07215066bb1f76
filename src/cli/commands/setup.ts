import { composeFiles, loadArchitecture } from '../../experiment/plan.ts'
import { cacheDirs, discardDamaged } from '../../runtime/cache.ts'
import { askedRuntime, connectAnywhere } from '../../runtime/docker/choose.ts'
import { isEntryOf } from '../../runtime/doctor-backends.ts'
import { setup } from '../../runtime/local/local.ts'
import type { RuntimeEvent } from '../../runtime/runtime.ts'
import { fetchLine } from '../fetch-line.ts'
import { onInterruption } from '../interruption.ts'
import { providersOf } from '../providers.ts'

/** What was fetched before is read and compared with its checksums, and kept unless it is damaged; an interrupted fetch starts clean next time. */
export async function setupCommand(options: { arch: string; runtime?: string }): Promise<void> {
  const asked = askedRuntime(options.runtime)
  const architecture = await loadArchitecture(options.arch)
  using interruptions = onInterruption(() => undefined)
  const { signal } = interruptions
  const needed = Object.values(await providersOf(architecture.id)).flat()
  for (const { path, says } of asked === 'docker' ? [] : await discardDamaged(cacheDirs(), signal, isEntryOf(needed))) {
    process.stderr.write(`removed ${path}: ${says}; it is made anew where it is needed\n`)
  }
  const tell = (event: RuntimeEvent) => {
    if (event.type === 'fetch') process.stderr.write(`${fetchLine(event)}\n`)
  }
  if (asked === 'docker') await (await import('../../runtime/docker/docker.ts')).setupDocker(await connectAnywhere(signal), composeFiles(architecture), signal, tell)
  else await setup(composeFiles(architecture), signal, tell)
  process.stdout.write(`${architecture.id} has all it needs\n`)
}
