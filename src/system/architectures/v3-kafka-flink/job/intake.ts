import type { Context } from '../../../context.ts'
import { nameIn } from '../../../kafka/connect.ts'
import { readTopics } from '../../../kafka/read-topics.ts'
import { counter } from '../../../metrics.ts'
import { INTAKE_TOPIC } from '../names.ts'

/** What Flink has read of one partition. */
interface Read {
  read: number
  invalid: number
}

/** Keeps what Flink says of its reading, by partition; what it says again after a recovery is less than what is known, and changes nothing. */
export function createIntake(): { take(key: Buffer, value: Buffer): void; total(): Read } {
  const partitions = new Map<number, Read>()
  // Both grow with every record, so the larger one is the later one.
  return {
    take(key, value) {
      const { partition } = JSON.parse(key.toString('latin1')) as { partition: number }
      const { read, unusable, skipped } = JSON.parse(value.toString('latin1')) as { read: number; unusable: number; skipped: number }
      if (read + skipped >= (partitions.get(partition)?.read ?? 0)) partitions.set(partition, { read: read + skipped, invalid: unusable + skipped })
    },
    total() {
      const sums = { read: 0, invalid: 0 }
      for (const { read, invalid } of partitions.values()) {
        sums.read += read
        sums.invalid += invalid
      }
      return sums
    },
  }
}

/** Tells how much was read, and how much of it was no order: such a record stops nobody, and is not lost sight of. */
export function watchIntake(context: Context<{ brokers?: unknown }>): AsyncDisposable {
  const intake = createIntake()
  counter('lab_flink_records_total', 'Records of the topic that the job has read, by its state: what is read again after a recovery counts once.', () => intake.total().read)
  counter('lab_events_invalid_total', 'Records that are no order: no JSON, or with fields that cannot be.', () => intake.total().invalid)
  return readTopics(context, 'job', [nameIn(context, INTAKE_TOPIC)], (_, key, value) => intake.take(key, value), () => undefined)
}
