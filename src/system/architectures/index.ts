import type { Architecture } from '../architecture.ts'
import { suggest } from '../suggest.ts'

/** Every variant of the system. Lazy, so that a process loads only the clients of its own. */
export const architectures = {
  null: () => import('./null.ts'),
  v0: () => import('./v0-redis-pubsub/index.ts'),
  v1: () => import('./v1-postgres-cron/index.ts'),
  v2: () => import('./v2-redis-streams/index.ts'),
  v3: () => import('./v3-kafka-flink/index.ts'),
  v4: () => import('./v4-rabbitmq-tenants/index.ts'),
  v5: () => import('./v5-kafka-clickhouse/index.ts'),
} satisfies Record<string, () => Promise<{ architecture: Architecture }>>

export type ArchitectureId = keyof typeof architectures

export const ARCHITECTURE_IDS = Object.keys(architectures) as ArchitectureId[]

/** Throws an error that names what there is. */
export async function loadArchitecture(id: string): Promise<Architecture> {
  if (!Object.hasOwn(architectures, id)) {
    throw new Error(`There is no architecture ${JSON.stringify(id)}. Allowed: ${ARCHITECTURE_IDS.join(', ')}.${suggest(id, ARCHITECTURE_IDS)}`)
  }
  return (await architectures[id as ArchitectureId]()).architecture
}
