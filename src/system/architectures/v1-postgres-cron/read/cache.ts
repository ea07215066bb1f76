import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { BoundedCalls } from '../../../bounded-redis.ts'
import { luaScript } from '../../../redis.ts'

/** How long an answer is good for. */
export const KEPT_MS = 5_000
/** Lives longer than most computations; when its holder dies the others go on after this. */
const LOCK_MS = 2_000
/** How long anybody waits for another's computation; then it computes itself. */
const WAIT_MS = 2_500
const LOOK_EVERY_MS = 20

/** Only by its holder: the lock may have run out, and be another's by now. */
const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`

/** Something that is asked often and expensive to answer. */
export interface Question<T> {
  /** The same for all who ask the same. */
  key: string
  /** An answer that is kept and good enough. */
  look(): Promise<T | undefined>
  compute(): Promise<T>
}

/** Answers kept in Redis for {@link KEPT_MS}, for all API processes. Every read counts once: as a hit, a miss or a wait. */
export interface Cache {
  answer<T>(question: Question<T>): Promise<T>
  /** Answered from what was kept. */
  hits(): number
  /** Computed. */
  misses(): number
  /** Answered with what another one computed meanwhile. */
  waits(): number
}

/**
 * `lock`: of all who find nothing, here and in other processes, one computes. Whoever holds the lock looks again first, as the one before him may
 * just have put it there. Without Redis there is neither cache nor lock: everybody computes, one at a time in each process with `lock`.
 */
export function createCache(redis: Redis, bounded: BoundedCalls, stampede: 'off' | 'lock'): Cache {
  const release = luaScript(redis, RELEASE)
  const underway = new Map<string, Promise<unknown>>()
  let hits = 0
  let misses = 0
  let waits = 0

  async function compute<T>(question: Question<T>): Promise<T> {
    misses += 1
    const computed = await question.compute()
    await bounded(() => redis.set(question.key, JSON.stringify(computed), 'PX', KEPT_MS))
    return computed
  }

  async function computeAlone<T>(question: Question<T>): Promise<T> {
    const lock = `${question.key}:lock`
    const token = randomUUID()
    const untilMs = performance.now() + WAIT_MS
    while (performance.now() < untilMs) {
      const locked = await bounded(() => redis.set(lock, token, 'PX', LOCK_MS, 'NX'))
      if (locked === undefined) break
      try {
        const held = await question.look()
        if (held !== undefined) {
          waits += 1
          return held
        }
        if (locked.answer === 'OK') return await compute(question)
      } finally {
        if (locked.answer === 'OK') await bounded(() => release([lock], [token]))
      }
      await sleep(LOOK_EVERY_MS)
    }
    return await compute(question)
  }

  async function shared<T>(question: Question<T>): Promise<T> {
    const others = underway.get(question.key) as Promise<T> | undefined
    if (others !== undefined) {
      waits += 1
      return await others
    }
    const mine = computeAlone(question).finally(() => underway.delete(question.key))
    underway.set(question.key, mine)
    return await mine
  }

  return {
    async answer(question) {
      const held = await question.look()
      if (held === undefined) return await (stampede === 'lock' ? shared(question) : compute(question))
      hits += 1
      return held
    },
    hits: () => hits,
    misses: () => misses,
    waits: () => waits,
  }
}
