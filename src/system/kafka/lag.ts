import type { Context } from '../context.ts'
import { gauge } from '../metrics.ts'
import { createKafkaAdmin } from './admin.ts'
import { committedOffsets, endOffsets } from './offsets.ts'

const EVERY_MS = 1_000

/** Records of a topic that a group has not committed. Pure. */
export function lagOf(ends: ReadonlyMap<number, number>, committed: ReadonlyMap<number, { offset: number }>): number {
  let lag = 0
  for (const [partition, end] of ends) lag += Math.max(0, end - (committed.get(partition)?.offset ?? 0))
  return lag
}

/** How much fuller the fullest partition is than all are on average: 1 when they are even, or empty. Pure. */
export function skewOf(ends: ReadonlyMap<number, number>): number {
  const sizes = [...ends.values()]
  const sum = sizes.reduce((a, b) => a + b, 0)
  return sum === 0 ? 1 : (Math.max(...sizes) * sizes.length) / sum
}

/** Shows how far a group is behind, and how even the partitions are, as metrics of this process. */
export function watchLag(context: Context<{ brokers?: unknown }>, group: string, topic: string): AsyncDisposable {
  const admin = createKafkaAdmin(context, 'lag')
  let lag = 0
  let skew = 1
  let running: Promise<void> | undefined
  gauge('lab_kafka_lag_events', `Records of ${topic} that group ${group} has not committed yet.`, () => lag)
  gauge('lab_kafka_partition_skew', `Records in the fullest partition of ${topic}, by the mean of all.`, () => skew)

  async function look(): Promise<void> {
    try {
      const [ends, committed] = await admin.ask(async (it) => [await endOffsets(it, topic), await committedOffsets(it, group, topic)] as const)
      lag = lagOf(ends, committed)
      skew = skewOf(ends)
    } catch {
      // Kafka is away: who publishes says so.
    }
  }

  const timer = setInterval(() => { running ??= look().finally(() => { running = undefined }) }, EVERY_MS)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
      await admin[Symbol.asyncDispose]()
    },
  }
}
