import type { Redis } from 'ioredis'
import { Unavailable } from '../../../architecture.ts'
import type { Context } from '../../../context.ts'
import { createPublisher, type Publisher } from '../../../publisher.ts'
import { RECORD_BYTES } from '../../../record.ts'
import { luaScript } from '../../../redis.ts'
import { BUFFER, BUFFER_DEAD, BUFFER_TAKEN } from '../names.ts'

/** Events that wait to be stored, at most (some 40 bytes of Redis each); orders beyond it are refused. */
export const BUFFER_LIMIT = 1_000_000
const DEAD_KEPT = 100_000

/** Arguments: the limit, and records one after the other. All of them or none: a script runs whole. Returns 1, or 0 for "full". */
const APPEND = `
local records = ARGV[2]
if redis.call('LLEN', KEYS[1]) + #records / ${RECORD_BYTES} > tonumber(ARGV[1]) then return 0 end
for from = 1, #records, ${1_000 * RECORD_BYTES} do
  local batch = {}
  for at = from, math.min(from + ${999 * RECORD_BYTES}, #records), ${RECORD_BYTES} do batch[#batch + 1] = string.sub(records, at, at + ${RECORD_BYTES - 1}) end
  redis.call('RPUSH', KEYS[1], unpack(batch))
end
return 1
`

/** The oldest records, and how many were ever taken off before them. */
const PEEK = `
return { redis.call('GET', KEYS[2]) or '0', redis.call('LRANGE', KEYS[1], 0, ARGV[1] - 1) }
`

/** Arguments: how many had been taken off when these were read, and how many they are. Returns 1; 0 when somebody else has taken records off since. */
const TRIM = `
if (redis.call('GET', KEYS[2]) or '0') ~= ARGV[1] then return 0 end
redis.call('LTRIM', KEYS[1], ARGV[2], -1)
redis.call('INCRBY', KEYS[2], ARGV[2])
return 1
`

/** The oldest records of the buffer, read and still in it. */
export interface Peeked {
  /** Records ever taken off before these: whoever takes these off must find the same. */
  taken: string
  records: Buffer[]
}

/**
 * The list: one element a record, so its length is the backlog. A reader stores what it has read and takes it off afterwards, so a crash in
 * between stores it again, which the key makes harmless. Should two readers be at work, only the one that found the list as it had read it
 * takes anything off: the other one would take off what nobody has stored.
 */
export interface BufferList {
  /** False when it would pass the limit. */
  append(records: Buffer, limit: number): Promise<boolean>
  peek(most: number): Promise<Peeked>
  /** False when somebody else was faster. */
  trim(peeked: Peeked): Promise<boolean>
  length(): Promise<number>
  /** Keeps what cannot be stored. */
  bury(record: Buffer): Promise<void>
}

export function createBufferList(redis: Redis): BufferList {
  const append = luaScript(redis, APPEND)
  const trim = luaScript(redis, TRIM)
  const keys = [BUFFER, BUFFER_TAKEN]
  return {
    append: async (records, limit) => (await append([BUFFER], [limit, records])) === 1,
    async peek(most) {
      const [taken, records] = (await redis.callBuffer('EVAL', PEEK, 2, ...keys, most)) as [Buffer, Buffer[]]
      return { taken: taken.toString('latin1'), records }
    },
    trim: async ({ taken, records }) => (await trim(keys, [taken, records.length])) === 1,
    length: () => redis.llen(BUFFER),
    async bury(record) {
      await redis.multi().lpush(BUFFER_DEAD, record).ltrim(BUFFER_DEAD, 0, DEAD_KEPT - 1).exec()
    },
  }
}

/** Orders into the buffer, unless it is full. */
export function createBuffer(context: Context, limit = BUFFER_LIMIT): Publisher {
  const full = new Unavailable(`the buffer is full (${limit} events), nothing was written`, 2)
  return createPublisher(context, (redis) => {
    const list = createBufferList(redis)
    return async (records) => ((await list.append(records, limit)) ? undefined : full)
  })
}
