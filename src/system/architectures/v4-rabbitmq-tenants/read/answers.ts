import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { AnalyticsQuery, AnalyticsRow } from '../../../architecture.ts'
import type { BoundedCalls } from '../../../bounded-redis.ts'
import { answerKey } from '../names.ts'

/** How long an answer is good for. */
export const KEPT_MS = 5 * 60_000
/** Thirty days by the hour are 90 KB. Longer ones are computed each time: whoever asks for many must not fill the memory that all share. */
const MAX_KEPT_CHARS = 256 * 1024

interface Kept {
  workspace: number
  asked: string
  rows: AnalyticsRow[]
}

/**
 * Answers to analytics, kept in Redis for {@link KEPT_MS}, for all API processes. An answer is found by its workspace and the hash of the question,
 * says itself of which workspace and to which question it is, and counts only when both are right. Without Redis each is computed. Of all who ask
 * the same in one process while nothing is kept, one computes.
 */
export interface Answers {
  answer(workspace: number, query: AnalyticsQuery, compute: () => Promise<AnalyticsRow[]>): Promise<AnalyticsRow[]>
  hits(): number
  misses(): number
  waits(): number
}

export function createAnswers(redis: Redis, bounded: BoundedCalls, keptMs = KEPT_MS): Answers {
  const underway = new Map<string, Promise<AnalyticsRow[]>>()
  let hits = 0
  let misses = 0
  let waits = 0

  async function look(key: string, workspace: number, asked: string): Promise<AnalyticsRow[] | undefined> {
    const json = (await bounded(() => redis.get(key)))?.answer
    const kept = typeof json === 'string' ? parsed(json) : undefined
    return kept?.workspace === workspace && kept.asked === asked ? kept.rows : undefined
  }

  async function lookOrCompute(key: string, workspace: number, asked: string, compute: () => Promise<AnalyticsRow[]>): Promise<AnalyticsRow[]> {
    const kept = await look(key, workspace, asked)
    if (kept !== undefined) {
      hits += 1
      return kept
    }
    misses += 1
    const rows = await compute()
    const json = JSON.stringify({ workspace, asked, rows } satisfies Kept)
    if (json.length <= MAX_KEPT_CHARS) await bounded(() => redis.set(key, json, 'PX', keptMs))
    return rows
  }

  return {
    async answer(workspace, { asked }, compute) {
      const key = answerKey(workspace, createHash('sha256').update(asked).digest('hex'))
      // Words of its own, so that one mistake about keys is not enough to share an answer across workspaces.
      const question = `${workspace} ${asked}`
      const others = underway.get(question)
      if (others !== undefined) {
        waits += 1
        return await others
      }
      const mine = lookOrCompute(key, workspace, asked, compute).finally(() => underway.delete(question))
      underway.set(question, mine)
      return await mine
    },
    hits: () => hits,
    misses: () => misses,
    waits: () => waits,
  }
}

function parsed(json: string): Partial<Kept> | undefined {
  try {
    return JSON.parse(json) as Partial<Kept>
  } catch {
    return undefined
  }
}
