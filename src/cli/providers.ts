import { composeFiles, loadArchitecture } from '../experiment/plan.ts'
import { readComposeFiles } from '../runtime/compose-read.ts'
import { readStack, type ProviderName } from '../runtime/compose.ts'
import { ARCHITECTURE_IDS } from '../system/architectures/index.ts'

/** Which backends each architecture runs on, from its compose files. */
export async function providersOf(arch: string | undefined): Promise<Record<string, ProviderName[]>> {
  const architectures = await Promise.all((arch === undefined ? ARCHITECTURE_IDS : [arch]).map(loadArchitecture))
  return Object.fromEntries(
    architectures.map((architecture) => {
      const { services } = readStack(readComposeFiles(composeFiles(architecture)), {})
      return [architecture.id, [...new Set(Object.values(services).map((service) => service.provider))]]
    }),
  )
}
