import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { boundedCalls } from '../../../bounded-redis.ts'
import { isReply } from '../../../redis.ts'
import { beyond, type Bucket, type Chain } from './chain.ts'
import { bucketsKey, chainKey } from './keys.ts'
import { HEADER_BYTES, READ } from './lua.ts'
import { addEncoded, emptyTallies, totalsOf, type Totals } from './tallies.ts'

const WITHIN_MS = 500

/** What is beyond the batch layer. */
export interface Beyond {
  totals: Totals
  /** Up to which offset each partition is shown together with it. */
  ends: Map<number, number>
}

export interface SpeedReader {
  /**
   * Everything that has been read of the topic and is beyond what the batch layer has reached, by partition: offsets where cuts end. That must have
   * been read before, together with the totals it is to be added to. Undefined when Redis is away. Never rejects.
   */
  read(reached: ReadonlyMap<number, number>): Promise<Beyond | undefined>
}

export function createSpeedReader(redis: Redis, partitions: number): SpeedReader {
  const bounded = boundedCalls(redis, WITHIN_MS)
  const keys = Array.from({ length: partitions }, (_, partition) => [bucketsKey(partition), chainKey(partition)]).flat()
  const hash = createHash('sha1').update(READ).digest('hex')

  async function chains(offsets: number[]): Promise<Buffer[][]> {
    try {
      return await redis.callBuffer('EVALSHA', hash, keys.length, ...keys, ...offsets) as Buffer[][]
    } catch (error) {
      if (!isReply(error) || !error.message.startsWith('NOSCRIPT')) throw error
      return await redis.callBuffer('EVAL', READ, keys.length, ...keys, ...offsets) as Buffer[][]
    }
  }

  return {
    async read(reached) {
      const offsets = Array.from({ length: partitions }, (_, partition) => reached.get(partition) ?? 0)
      const found = (await bounded(() => chains(offsets)))?.answer
      if (found === undefined) return undefined
      const sum = emptyTallies()
      const ends = new Map<number, number>()
      for (const [partition, offset] of offsets.entries()) {
        const buckets = beyond(decodeChain(found[partition] ?? []), offset)
        for (const { sums } of buckets) addEncoded(sum, sums, HEADER_BYTES)
        ends.set(partition, buckets.at(-1)?.to ?? offset)
      }
      return { totals: totalsOf(sum), ends }
    },
  }
}

function decodeChain([start, since, ...buckets]: Buffer[]): Chain<Buffer> {
  if (start === undefined || since === undefined) return { start: 0, since: 0, buckets: [] }
  return { start: Number(start.toString()), since: Number(since.toString()), buckets: buckets.map(decodeBucket) }
}

const decodeBucket = (bytes: Buffer): Bucket<Buffer> => ({ from: bytes.readDoubleBE(0), to: bytes.readDoubleBE(8), sums: bytes })
