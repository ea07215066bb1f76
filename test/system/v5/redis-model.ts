import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { CLAIM, PUT, READ } from '../../../src/system/architectures/v5-kafka-clickhouse/speed/lua.ts'

/** What the three scripts of the speed layer do, in memory: the live test runs the same calls against a real server and compares. */
export interface RedisModel {
  claim(keys: string[], values: (string | number)[]): string[]
  put(keys: string[], values: (string | number | Buffer)[]): string
  read(keys: string[], values: (string | number)[]): Buffer[][]
  forget(): void
}

interface Hash { generation: number; start?: number; since?: number }

export function createRedisModel(): RedisModel {
  const lists = new Map<string, Buffer[]>()
  const hashes = new Map<string, Hash>()
  const from = (bucket: Buffer) => bucket.readDoubleBE(0)
  const to = (bucket: Buffer) => bucket.readDoubleBE(8)
  return {
    claim([list, hash], [generation]) {
      const its = hashes.get(hash!) ?? { generation: -1 }
      if (its.generation > Number(generation)) return []
      its.generation = Number(generation)
      hashes.set(hash!, its)
      if (its.start === undefined) return []
      return [its.start, ...(lists.get(list!) ?? []).map(to)].map(String)
    },
    put([list, hash], [generation, how, begin, reached, stored, now, keep, ...buckets]) {
      const its = hashes.get(hash!) ?? { generation: -1 }
      if (its.generation > Number(generation)) return 'fenced'
      let kept: Buffer[] = []
      let start = Number(begin)
      if (how === 'more') {
        if (its.start === undefined || Number(begin) < its.start) return 'apart'
        start = its.start
        kept = (lists.get(list!) ?? []).filter((it) => from(it) < Number(begin))
        if ((kept.length > 0 ? to(kept.at(-1)!) : start) !== Number(begin)) return 'apart'
      }
      kept.push(...(buckets as Buffer[]))
      while (kept.length > 0 && to(kept[0]!) <= Number(stored) && kept[0]!.readDoubleBE(16) <= Number(now) - Number(keep)) start = to(kept.shift()!)
      lists.set(list!, kept)
      hashes.set(hash!, { generation: Number(generation), start, since: Math.min(start, Number(reached)) })
      return 'ok'
    },
    read(keys, values) {
      return values.map((value, i) => {
        const its = hashes.get(keys[2 * i + 1]!)
        if (its?.start === undefined) return []
        const list = lists.get(keys[2 * i]!) ?? []
        const last = list.findLastIndex((it) => from(it) < Number(value))
        return [Buffer.from(String(its.start)), Buffer.from(String(its.since)), ...list.slice(Math.max(0, last))]
      })
    },
    forget() {
      lists.clear()
      hashes.clear()
    },
  }
}

const hashOf = (text: string): string => createHash('sha1').update(text).digest('hex')

/** As much of ioredis as writer and reader call. Each call passes `gate` before and after it has its effect. */
export function redisOver(model: RedisModel, gate: () => Promise<void>, isAway: () => boolean = () => false): Redis {
  let last: Promise<unknown> = Promise.resolve()
  // A connection keeps the order of what is sent on it.
  function run(hash: string, count: number, rest: (string | number | Buffer)[]): Promise<unknown> {
    const before = last
    return (last = inTurn(before, hash, count, rest))
  }

  async function inTurn(before: Promise<unknown>, hash: string, count: number, rest: (string | number | Buffer)[]): Promise<unknown> {
    await before.catch(() => {})
    await gate()
    if (isAway()) throw new Error('Redis is away')
    const keys = rest.slice(0, count) as string[]
    const values = rest.slice(count)
    const answer = hash === hashOf(CLAIM) ? model.claim(keys, values as string[]) : hash === hashOf(PUT) ? model.put(keys, values) : model.read(keys, values as string[])
    await gate()
    return answer
  }
  return {
    status: 'ready',
    evalsha: (hash: string, count: number, ...rest: (string | number | Buffer)[]) => run(hash, count, rest),
    callBuffer: (_: string, hash: string, count: number, ...rest: (string | number | Buffer)[]) => {
      if (hash !== hashOf(READ)) throw new Error('only READ is read as bytes')
      return run(hash, count, rest)
    },
    publish: async () => 0,
    options: { keyPrefix: '' },
  } as unknown as Redis
}
