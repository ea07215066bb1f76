import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin, ITopicConfig, KafkaJSProtocolError } from 'kafkajs'
import type { Context } from '../context.ts'
import { reasonOf } from '../reason.ts'
import { connectKafka } from './connect.ts'

export interface Topic {
  topic: string
  partitions: number
  /** Keeps the last value of every key instead of everything for a while. */
  compacted?: boolean
  /** Settings of the topic itself, such as `segment.bytes`. https://kafka.apache.org/documentation/#topicconfigs */
  settings?: Readonly<Record<string, string>>
}

/** Brokers hear of new topics one after the other, and of their leaders a little later. */
const LEADERS_WITHIN_MS = 10_000
const POLL_MS = 50

/**
 * Makes topics that are missing, with a replica on every broker; with three brokers an order counts as written once two have it.
 * Throws where one is there with another number of partitions: ids would be looked for in the wrong ones.
 */
export async function createTopics(context: Context<{ brokers?: unknown }>, topics: readonly Topic[]): Promise<void> {
  const admin = connectKafka(context, 'setup').admin()
  await admin.connect()
  try {
    const known = new Set(await admin.listTopics())
    for (const topic of topics) if (!known.has(topic.topic)) await create(admin, topic, context.knobs.brokers === 3 ? 3 : 1)
    const there = await partitionsWithLeader(admin, topics.map((it) => it.topic))
    for (const { topic, partitions } of topics) {
      const found = there.get(topic) ?? 0
      if (found !== partitions) throw new Error(`topic ${topic} has ${found} partitions where ${partitions} are asked for: delete it, or set the knob partitions=${found}`)
    }
  } finally {
    await admin.disconnect()
  }
}

async function create(admin: Admin, { topic, partitions, compacted = false, settings = {} }: Topic, brokers: 1 | 3): Promise<void> {
  const entries = { 'min.insync.replicas': brokers === 3 ? '2' : '1', 'cleanup.policy': compacted ? 'compact' : 'delete', ...settings }
  const config: ITopicConfig = { topic, numPartitions: partitions, replicationFactor: brokers, configEntries: Object.entries(entries).map(([name, value]) => ({ name, value })) }
  try {
    await admin.createTopics({ topics: [config], waitForLeaders: false })
  } catch (error) {
    if (!alreadyExists(error)) throw error
  }
}

/** How many partitions each has, once all of them have a leader. kafkajs' own waiting gives up at once where the broker does not know the topic yet. */
async function partitionsWithLeader(admin: Admin, topics: string[]): Promise<Map<string, number>> {
  const untilMs = performance.now() + LEADERS_WITHIN_MS
  let last = 'some have none yet'
  for (; performance.now() < untilMs; await sleep(POLL_MS)) {
    try {
      const found = await admin.fetchTopicMetadata({ topics })
      if (found.topics.every(({ partitions }) => partitions.every((it) => it.leader >= 0))) return new Map(found.topics.map((it) => [it.name, it.partitions.length]))
    } catch (error) {
      last = reasonOf(error)
    }
  }
  throw new Error(`not every partition of ${topics.join(', ')} had a leader within ${LEADERS_WITHIN_MS / 1_000} s: ${last}`)
}

/** Somebody else has made it meanwhile. */
function alreadyExists(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(alreadyExists)
  const { type, errors } = error as KafkaJSProtocolError & { errors?: unknown[] }
  return type === 'TOPIC_ALREADY_EXISTS' || (Array.isArray(errors) && errors.length > 0 && errors.every(alreadyExists))
}
