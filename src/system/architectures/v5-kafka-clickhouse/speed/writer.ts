import type { Redis } from 'ioredis'
import { boundedCalls } from '../../../bounded-redis.ts'
import { channelOf, luaScript } from '../../../redis.ts'
import { CHANGES } from '../names.ts'
import { boundariesFrom, type Bucket } from './chain.ts'
import { bucketsKey, chainKey } from './keys.ts'
import { CLAIM, HEADER_BYTES, PUT } from './lua.ts'
import { encodeTallies, type Tallies } from './tallies.ts'

/** How long buckets stay once they are stored: for readers whose picture of the batch layer is so old. */
export const KEEP_MS = 5 * 60_000
const WITHIN_MS = 500
/** Buckets one call carries, at most: about 30 KB. More have come together while Redis was away. */
const BUCKETS_A_CALL = 64

/** What one consumer shows of one partition. */
export interface Shown {
  partition: number
  generation: number
  /** Not stored, in order; the last one may grow. */
  buckets: readonly Bucket<Tallies>[]
  /** Everything before is stored. */
  stored: number
  /** What a reader of the batch layer sees as reached once everything before `stored` is in. */
  reached: number
}

/** One partition as Redis has it. */
interface Progress {
  generation: number
  /** Where the last bucket that is surely there ends; −1: nothing there is of use. */
  end: number
}

export interface SpeedWriter {
  /**
   * The partition is ours from this offset on. Resolves with where cuts must end, so that they are the buckets that are there already; with none
   * where there are none, or Redis is away.
   */
  claim(partition: number, generation: number, from: number, noteTo: number | undefined): Promise<number[]>
  /** Writes what has changed and tells the API replicas. Resolves with whether anything was written. Never rejects. */
  show(shown: readonly Shown[], nowMs: number): Promise<boolean>
}

/** @param keepMs how long buckets stay once they are stored */
export function createSpeedWriter(redis: Redis, keepMs = KEEP_MS): SpeedWriter {
  const bounded = boundedCalls(redis, WITHIN_MS)
  const claim = luaScript(redis, CLAIM)
  const put = luaScript(redis, PUT)
  const progress = new Map<number, Progress>()

  async function putOne(it: Shown, state: Progress, nowMs: number): Promise<boolean> {
    const changed = changedIn(it, state).slice(0, BUCKETS_A_CALL)
    const from = changed[0]!.from
    // Where something was stored before it was ever written (Redis was away) the chain begins anew.
    const how = from > state.end ? 'all' : 'more'
    const values = [it.generation, how, from, it.reached, it.stored, nowMs, keepMs, ...changed.map((bucket) => encodeBucket(bucket, nowMs))]
    const said = await put([bucketsKey(it.partition), chainKey(it.partition)], values)
    if (said === 'apart') state.end = -1
    if (said === 'ok') state.end = changed.at(-1)!.to
    return said === 'ok'
  }

  return {
    async claim(partition, generation, from, noteTo) {
      const state: Progress = { generation, end: -1 }
      progress.set(partition, state)
      const found = (await bounded(() => claim([bucketsKey(partition), chainKey(partition)], [generation])))?.answer as string[] | undefined
      if (found === undefined || found.length === 0) return []
      const [start = 0, ...ends] = found.map(Number)
      const boundaries = boundariesFrom({ start, ends }, from, noteTo)
      if (boundaries !== undefined) state.end = ends.at(-1) ?? start
      return boundaries ?? []
    },
    async show(shown, nowMs) {
      const due = shown.flatMap((it) => {
        const state = progress.get(it.partition)
        return state?.generation === it.generation && changedIn(it, state).length > 0 ? [{ it, state }] : []
      })
      if (due.length === 0) return false
      // Written or not where it fails, nobody can tell: the same is written again, in the place of what may be there.
      const results = (await bounded(() => Promise.allSettled(due.map(({ it, state }) => putOne(it, state, nowMs)))))?.answer ?? []
      const wrote = results.some((it) => it.status === 'fulfilled' && it.value)
      if (wrote) await bounded(() => redis.publish(channelOf(redis, CHANGES), ''))
      return wrote
    },
  }
}

/** A bucket that has grown ends later than what was written. */
const changedIn = (it: Shown, state: Progress): Bucket<Tallies>[] => it.buckets.filter(({ to }) => to > state.end)

function encodeBucket({ from, to, sums }: Bucket<Tallies>, nowMs: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES)
  header.writeDoubleBE(from, 0)
  header.writeDoubleBE(to, 8)
  header.writeDoubleBE(nowMs, 16)
  return Buffer.concat([header, encodeTallies(sums)])
}
