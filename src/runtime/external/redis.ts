import { Redis } from 'ioredis'
import { tlsOf } from '../../system/tls.ts'
import type { External } from './external.ts'
import { CONNECT_WITHIN_MS, lacking, unreachable, type Guest } from './guest.ts'

/** XAUTOCLAIM came with it. */
const OLDEST = [6, 2] as const
/** Keys looked at, and removed, in one command: others wait no longer than for that. */
const BATCH = 500

/** Begins every key and channel; the key of that name itself says whose they are. */
const prefixOf = (namespace: string): string => `${namespace}:`

/** Works with keys and channels that begin with its own prefix. */
export const redis: Guest = {
  part: (namespace) => `keys and channels ${prefixOf(namespace)}*`,
  inspect: (external) => connected(external, async (client) => {
    const info = new Map((await client.info()).split('\r\n').map((line) => line.split(':') as [string, string]))
    const version = info.get('valkey_version') ?? info.get('redis_version') ?? '0'
    const [major = 0, minor = 0] = (info.get('redis_version') ?? version).split('.').map(Number)
    if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) throw lacking(external, `is version ${version}: too old`, `use Redis ${OLDEST.join('.')} or newer, or Valkey`)
    if (info.get('role') === 'slave') throw lacking(external, 'is a replica, which takes no writes', 'name its primary')
    if (info.get('cluster_enabled') === '1') throw lacking(external, 'is a cluster, over which the keys of one script would be spread', 'use one that is no cluster')
    if (Number(info.get('maxmemory') ?? 0) > 0 && info.get('maxmemory_policy') !== 'noeviction') {
      throw lacking(external, `drops keys when its memory is full (maxmemory-policy ${info.get('maxmemory_policy')}): accepted orders among them`, 'use one with maxmemory-policy noeviction')
    }
    return `${info.has('valkey_version') ? 'Valkey' : 'Redis'} ${version}`
  }),
  settle: (external, namespace) => connected(external, async (client) => {
    const key = prefixOf(namespace)
    const script = "redis.call('PUBLISH', KEYS[1], ''); return redis.call('SET', KEYS[1], ARGV[1], 'NX')"
    const made = await client.eval(script, 1, key, 'load lab').catch((error: Error) => {
      throw lacking(external, `does not let the account do what is needed: ${error.message}`, `it needs all commands on keys and channels ~${'lab_*'} &${'lab_*'}`)
    })
    if (made === null) throw new Error(`the key ${key} is there already`)
  }),
  leave: (external, namespace) => connected(external, async (client) => {
    let removed = 0
    let cursor = '0'
    do {
      const [next, keys] = await client.scan(cursor, 'MATCH', `${prefixOf(namespace)}*`, 'COUNT', BATCH)
      cursor = next
      for (let at = 0; at < keys.length; at += BATCH) removed += await client.unlink(...keys.slice(at, at + BATCH))
    } while (cursor !== '0')
    return removed === 0 ? undefined : `${removed} keys ${prefixOf(namespace)}*`
  }),
}

async function connected<T>(external: External, use: (client: Redis) => Promise<T>): Promise<T> {
  const tls = tlsOf(external)
  const client = new Redis({
    ...external.hosts[0]!,
    username: external.user,
    password: external.password,
    db: Number(external.database ?? 0),
    lazyConnect: true,
    connectTimeout: CONNECT_WITHIN_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    disableClientInfo: true,
    ...(tls && { tls }),
  })
  let cause: unknown
  client.on('error', (error) => { cause ??= error })
  try {
    await client.connect()
    await client.ping()
  } catch (error) {
    client.disconnect()
    throw unreachable(external, cause ?? error)
  }
  try {
    return await use(client)
  } finally {
    client.disconnect()
  }
}
