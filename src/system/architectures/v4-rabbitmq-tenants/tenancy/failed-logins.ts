import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { Redis } from 'ioredis'
import { boundedCalls } from '../../../bounded-redis.ts'
import { Refusal } from '../../../problem.ts'
import { luaScript } from '../../../redis.ts'

const REDIS_WITHIN_MS = 100
export const WINDOW_S = 15 * 60
/** Attempts in a window; only a login that succeeds takes its own back. */
export const ATTEMPTS = {
  /** At one account from one address: somebody who mistypes. */
  pair: 5,
  /** From one address: one password tried on many accounts. */
  address: 50,
  /** At one account from everywhere: many addresses. So high that nobody is locked out of an account by a handful of strangers. */
  account: 200,
}
/** Remembered in this process while Redis is away. */
const MOST = 10_000

/** Keys: the counters. Arguments: for how long, ms; then the limit of each. Counts one attempt; returns how many ms to wait, 0: go on. */
const COUNT = `
local wait = 0
for i, key in ipairs(KEYS) do
  local attempts = redis.call('INCR', key)
  if attempts == 1 then redis.call('PEXPIRE', key, ARGV[1]) end
  if attempts > tonumber(ARGV[i + 1]) then wait = math.max(wait, redis.call('PTTL', key)) end
end
return wait
`

/** Keys: the counter of the pair, then the others. A counter that has run out in between stays away. */
const FORGET = `
redis.call('DEL', KEYS[1])
for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then redis.call('DECR', KEYS[i]) end
end
return 0
`

export interface FailedLogins {
  /** Counts an attempt before its password is looked at, so that a hundred at once are a hundred. Rejects with 429 when there were too many. */
  begin(email: string, address: string): Promise<void>
  /** It succeeded: takes it back. */
  forget(email: string, address: string): Promise<void>
}

/**
 * Counted in Redis for all processes together; while Redis is away, by each process for itself. What is away never makes a password right.
 * Accounts that do not exist are counted like those that do.
 */
export function createFailedLogins(redis: Redis | undefined, now: () => number = Date.now): FailedLogins {
  const count = redis && luaScript(redis, COUNT)
  const takeBack = redis && luaScript(redis, FORGET)
  const bounded = redis && boundedCalls(redis, REDIS_WITHIN_MS)
  const here = createHere()
  return {
    async begin(email, address) {
      const keys = keysOf(email, address)
      const limits = [ATTEMPTS.pair, ATTEMPTS.address, ATTEMPTS.account]
      const counted = await bounded?.(() => count!(keys, [WINDOW_S * 1_000, ...limits]))
      const waitMs = counted === undefined ? Math.max(...keys.map((key, i) => here.count(key, limits[i]!, now()))) : Number(counted.answer)
      if (waitMs <= 0) return
      const retryAfterS = Math.max(1, Math.ceil(waitMs / 1_000))
      throw new Refusal(429, { error: `too many failed logins: try again in ${retryAfterS} s`, retryAfterS })
    },
    async forget(email, address) {
      const keys = keysOf(email, address)
      here.forget(keys[0]!)
      await bounded?.(() => takeBack!(keys, []))
    },
  }
}

/** Hashed: an e-mail is nobody's business in Redis, and of any length. */
function keysOf(email: string, address: string): string[] {
  const network = networkOf(address)
  return [`${email}\n${network}`, `\n${network}`, email].map((it, i) => `login:${'pae'[i]}:${createHash('sha256').update(it).digest('base64url')}`)
}

/** Who has one IPv6 address has the 2^64 beside it. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').split('%', 1)[0]!
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('::', 2)
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = tail === undefined ? before : [...before, ...Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after]
  return `${groups.slice(0, 4).map((it) => Number.parseInt(it, 16).toString(16)).join(':')}::/64`
}

function createHere(): { count(key: string, limit: number, nowMs: number): number; forget(key: string): void } {
  const windows = new Map<string, { attempts: number; endMs: number }>()
  return {
    count(key, limit, nowMs) {
      const before = windows.get(key)
      const window = before !== undefined && before.endMs > nowMs ? before : { attempts: 0, endMs: nowMs + WINDOW_S * 1_000 }
      window.attempts += 1
      windows.delete(key)
      windows.set(key, window)
      if (windows.size > MOST) windows.delete(windows.keys().next().value!)
      return window.attempts > limit ? window.endMs - nowMs : 0
    },
    forget: (key) => void windows.delete(key),
  }
}
