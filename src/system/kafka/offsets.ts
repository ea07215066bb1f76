import type { Admin } from 'kafkajs'

/** The offset that the next record of each partition will have, by partition. */
export async function endOffsets(admin: Admin, topic: string): Promise<Map<number, number>> {
  const offsets = await admin.fetchTopicOffsets(topic)
  return new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]))
}

/** How far a group has come in one partition. */
export interface CommittedOffset {
  /** Of the next record to be read. */
  offset: number
  /** What was written down with it. */
  metadata: string
}

/** By partition; those in which the group has committed nothing are missing. */
export async function committedOffsets(admin: Admin, group: string, topic: string): Promise<Map<number, CommittedOffset>> {
  const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
  const committed = new Map<number, CommittedOffset>()
  for (const { partition, offset, metadata } of found?.partitions ?? []) {
    if (Number(offset) >= 0) committed.set(partition, { offset: Number(offset), metadata: metadata ?? '' })
  }
  return committed
}
