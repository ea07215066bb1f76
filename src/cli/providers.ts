import { composeFiles, loadArchitecture } from '../experiment/plan.ts'
import { readComposeFiles } from '../runtime/compose-read.ts'
import { readStack, type ProviderName } from '../runtime/compose.ts'
import { ARCHITECTURE_IDS } from '../system/architectures/index.ts'

/** Which backends each architecture runs on, from its compose files. */
export async function providersOf(arch: string | undefined): Promise<Record<string, ProviderName[]>> {
  const ids = arch === undefined ? ARCHITECTURE_IDS : [(await loadArchitecture(arch)).id]
  return Object.fromEntries(
    ids.map((id) => {
      const { services } = readStack(readComposeFiles(composeFiles(id)), {})
      return [id, [...new Set(Object.values(services).map((service) => service.provider))]]
    }),
  )
}
