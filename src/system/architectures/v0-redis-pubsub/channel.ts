import type { Redis } from 'ioredis'
import { RECORD_BYTES } from '../../record.ts'
import { channelOf, luaScript } from '../../redis.ts'
import { CHANGES, ORDERS, PASSED, PUBLISHED } from './names.ts'

/**
 * Pub/Sub keeps nothing, so it cannot say what is still on its way. Hence a position: every message says how many events were published
 * up to and with it. It is raised in the same script that publishes, so positions on the channel only grow, whoever publishes.
 */
const PUBLISH = `
local position = redis.call('INCRBY', KEYS[1], math.floor(#ARGV[1] / ${RECORD_BYTES}))
return redis.call('PUBLISH', KEYS[2], struct.pack('>I6', position) .. ARGV[1])
`

const POSITION_BYTES = 6

export interface Message {
  /** Events published up to and with this message. */
  position: number
  records: Buffer
  /** When this process received it, ms since the epoch; where it traces. */
  readMs?: number
}

export function parseMessage(bytes: Buffer): Message | undefined {
  const known = bytes.length >= POSITION_BYTES && (bytes.length - POSITION_BYTES) % RECORD_BYTES === 0
  return known ? { position: bytes.readUIntBE(0, POSITION_BYTES), records: bytes.subarray(POSITION_BYTES) } : undefined
}

/** What is done in Redis, each in one script or transaction. */
export interface OrderChannel {
  /** Returns how many subscribers were handed the message. Without records it is a mark: it says where the channel is. */
  publish(records: Buffer): Promise<number>
  /** Everything up to this position is stored, or will never be; told to the API replicas with the count of stored events. */
  passed(position: number, stored: number): Promise<void>
  /** Undefined while no consumer has said where it is. */
  positions(): Promise<{ published: number; passed: number | undefined }>
}

export function orderChannel(redis: Redis): OrderChannel {
  const publish = luaScript(redis, PUBLISH)
  return {
    publish: async (records) => Number(await publish([PUBLISHED, ORDERS], [records])),
    async passed(position, stored) {
      await redis.multi().set(PASSED, position).publish(channelOf(redis, CHANGES), String(stored)).exec()
    },
    async positions() {
      const [published, passed] = await redis.mget(PUBLISHED, PASSED)
      return { published: Number(published ?? 0), passed: passed === null || passed === undefined ? undefined : Number(passed) }
    },
  }
}
