import type { IncomingMessage } from 'node:http'
import type { Redis } from 'ioredis'
import { boundedCalls } from './bounded-redis.ts'
import { Refusal } from './problem.ts'
import { luaScript } from './redis.ts'

/** Slower than this, and the limit is not worth waiting for. */
export const LIMIT_WITHIN_MS = 50
/** A header that a client chose must not become a key of any length. */
const CUSTOMER = /^[\x21-\x7e]{1,64}$/

/**
 * One allowance a customer (a token bucket): it holds at most `limit` events and is refilled evenly, `limit` a minute. The time is Redis's,
 * so all processes have the same. A batch larger than the whole allowance is let through when that is full, and leaves a debt that is
 * waited for; otherwise it could never be sent. The key is gone by the time that the allowance would be full again: both mean the same.
 *
 * Keys: the allowance. Arguments: limit, events. Returns -1 when they are allowed, or how many µs to wait.
 */
const TAKE = `
local limit = tonumber(ARGV[1])
local events = tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local us = 60000000 / limit
local held = redis.call('HMGET', KEYS[1], 'left', 'at')
local left = limit
if held[1] then left = math.min(limit, tonumber(held[1]) + math.max(0, now - tonumber(held[2])) / us) end
local needed = math.min(events, limit)
if left < needed then return math.ceil((needed - left) * us) end
left = left - events
redis.call('HSET', KEYS[1], 'left', string.format('%.17g', left), 'at', string.format('%d', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((limit - left) * us / 1000))
return -1
`

export interface RateLimit {
  /** Rejects with a {@link Refusal} (429) when the customer behind this request has sent enough. */
  admit(request: IncomingMessage, events: number): Promise<void>
  /** The same for who is known already, by a name of few characters. */
  take(customer: string, events: number): Promise<void>
  /** Requests refused. */
  limited(): number
  /** Requests let through as Redis was away or slow. */
  open(): number
}

/** `600/min` → 600; `off` → undefined. */
export function perMinute(knob: string): number | undefined {
  return knob === 'off' ? undefined : Number.parseInt(knob, 10)
}

/** Who sent it: what it calls itself in `X-Customer` (1 to 64 visible ASCII characters), else its address. The two are never mixed up. */
export function customerOf(request: Pick<IncomingMessage, 'headers' | 'socket'>): string {
  const named = request.headers['x-customer']
  return typeof named === 'string' && CUSTOMER.test(named) ? `customer:${named}` : `address:${request.socket.remoteAddress ?? 'unknown'}`
}

/** At least 1, so that nobody is told to come back at once. */
export function retryAfterS(waitUs: number): number {
  return Math.max(1, Math.ceil(waitUs / 1_000_000))
}

/**
 * A limit of events per minute and customer, counted in Redis by all API processes together. It fails open: without an answer within
 * {@link LIMIT_WITHIN_MS} the events are let through, and while a call hangs the next ones do not wait at all.
 */
export function createRateLimit(redis: Redis, limit: number): RateLimit {
  const take = luaScript(redis, TAKE)
  const bounded = boundedCalls(redis, LIMIT_WITHIN_MS)
  let limited = 0
  let open = 0

  async function takeFor(customer: string, events: number): Promise<void> {
    const said = await bounded(() => take([`limit:${customer}`], [limit, events]))
    if (said === undefined) {
      open += 1
    } else if (Number(said.answer) >= 0) {
      limited += 1
      const seconds = retryAfterS(Number(said.answer))
      throw new Refusal(429, { error: `more than ${limit} orders a minute: try again in ${seconds} s`, retryAfterS: seconds })
    }
  }

  return {
    admit: (request, events) => takeFor(customerOf(request), events),
    take: takeFor,
    limited: () => limited,
    open: () => open,
  }
}
