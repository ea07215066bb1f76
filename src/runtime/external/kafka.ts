import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel, type Admin } from 'kafkajs'
import type { External } from './external.ts'
import { CONNECT_WITHIN_MS, lacking, unreachable, type Guest } from './guest.ts'

/** Members of a group that were killed are in it until their session ends. */
const GONE_WITHIN_MS = 40_000
const RETRY_MS = 500

const prefixOf = (namespace: string): string => `${namespace}-`

/** Works with topics and groups that begin with its own prefix. */
export const kafka: Guest = {
  part: (namespace) => `topics and groups ${prefixOf(namespace)}*`,
  inspect: (external) => connected(external, async (admin) => {
    const { brokers } = await admin.describeCluster()
    return `Kafka, ${brokers.length} broker${brokers.length === 1 ? '' : 's'}`
  }),
  settle: (external, namespace) => connected(external, async (admin) => {
    try {
      await admin.createTopics({ topics: [{ topic: `${prefixOf(namespace)}trial`, numPartitions: 1, replicationFactor: 1 }], waitForLeaders: false })
    } catch (error) {
      throw lacking(external, `does not let the lab make a topic: ${reasonOf(error)}`, `allow topics and groups that begin with lab_`)
    }
  }),
  leave: (external, namespace) => connected(external, async (admin) => {
    const prefix = prefixOf(namespace)
    const untilMs = Date.now() + GONE_WITHIN_MS
    let topics = 0
    let groups = 0
    for (;;) {
      const [mine, members] = await Promise.all([
        admin.listTopics().then((all) => all.filter((topic) => topic.startsWith(prefix))),
        admin.listGroups().then(({ groups: all }) => all.map(({ groupId }) => groupId).filter((group) => group.startsWith(prefix))),
      ])
      if (mine.length + members.length === 0) return topics + groups === 0 ? undefined : `${topics} topics and ${groups} groups ${prefix}*`
      topics = Math.max(topics, mine.length)
      groups = Math.max(groups, members.length)
      const problem = await removed(admin, mine, members)
      if (problem !== undefined && Date.now() > untilMs) throw new Error(problem)
      await sleep(RETRY_MS)
    }
  }),
}

async function removed(admin: Admin, topics: string[], groups: string[]): Promise<string | undefined> {
  try {
    if (groups.length > 0) await admin.deleteGroups(groups)
    if (topics.length > 0) await admin.deleteTopics({ topics })
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}

function reasonOf(error: unknown): string {
  const { groups } = error as { groups?: { error?: Error }[] }
  return groups?.[0]?.error?.message ?? (error as Error).message
}

async function connected<T>(external: External, use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Kafka({
    clientId: 'lab',
    brokers: external.hosts.map(({ host, port }) => `${host}:${port}`),
    connectionTimeout: CONNECT_WITHIN_MS,
    requestTimeout: 10_000,
    retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 500 },
    logLevel: logLevel.NOTHING,
  }).admin()
  try {
    await admin.connect()
  } catch (error) {
    await admin.disconnect().catch(() => {})
    throw unreachable(external, error)
  }
  try {
    return await use(admin)
  } finally {
    await admin.disconnect().catch(() => {})
  }
}
