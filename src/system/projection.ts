import type { Redis } from 'ioredis'
import type { Dashboard } from './dashboard.ts'
import { channelOf, luaScript } from './redis.ts'

/** Absolute figures, and only ever larger ones: whoever projects may finish in any order. Returns 1 when it wrote. */
const SHOW = `
local shown = tonumber(redis.call('HGET', KEYS[1], 'version') or '-1')
if tonumber(ARGV[1]) <= shown then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'json', ARGV[2])
if ARGV[3] ~= '' then redis.call('PUBLISH', ARGV[3], ARGV[4]) end
return 1
`

/** A copy of a dashboard in a Redis hash { version, json }. */
export interface Projection {
  /** Writes it when its version is larger than the one that is there, or none is. Resolves with whether it wrote. */
  show(dashboard: Dashboard): Promise<boolean>
}

/**
 * @param channel on which it is told that something was written; absent: nothing is told
 * @param message what is told; absent: the version of what was written
 */
export function createProjection(redis: Redis, key: string, channel?: string, message?: string): Projection {
  const run = luaScript(redis, SHOW)
  return { show: async (dashboard) => (await run([key], [dashboard.version, JSON.stringify(dashboard), channel === undefined ? '' : channelOf(redis, channel), message ?? dashboard.version])) === 1 }
}
