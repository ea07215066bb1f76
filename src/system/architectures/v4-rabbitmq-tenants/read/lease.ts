import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { luaScript } from '../../../redis.ts'

const HOLD = `
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return 1
end
if holder then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 2
`

const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`

/**
 * Work that one process does for all of them, by a key in Redis. It saves work and guards nothing: for a moment there may be two. `taken`: it is ours
 * since now, because there was no holder; so it is too when Redis has forgotten everything.
 */
export interface Lease {
  hold(): Promise<'held' | 'taken' | 'anothers'>
  release(): Promise<void>
}

export function createLease(redis: Redis, key: string, lastsMs: number): Lease {
  const id = randomUUID()
  const hold = luaScript(redis, HOLD)
  const release = luaScript(redis, RELEASE)
  return {
    async hold() {
      const answer = await hold([key], [id, lastsMs])
      return answer === 1 ? 'held' : answer === 2 ? 'taken' : 'anothers'
    },
    release: async () => void (await release([key], [id])),
  }
}
