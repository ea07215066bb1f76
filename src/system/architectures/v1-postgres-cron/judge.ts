import { setTimeout as sleep } from 'node:timers/promises'
import type { Judge } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import { readPersisted } from '../../postgres/read-orders.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import { createBufferList } from './write/buffer.ts'
import type { V1Knobs } from './knobs.ts'
import { createStoredCount } from '../../postgres/stored-count.ts'
import { createView } from './read/view.ts'

const CONNECT_WITHIN_MS = 5_000

/** Reads PostgreSQL and Redis from outside the API. Throws when one of them cannot be reached: a judge guesses nothing. */
export async function createJudge(context: Context<V1Knobs>): Promise<Judge> {
  const view = createView(context, 'judge')
  const stored = createStoredCount(context)
  const buffer = context.knobs.write === 'buffer' ? connectRedis(context, 'judge-buffer') : undefined
  const deadlineMs = performance.now() + CONNECT_WITHIN_MS
  while (buffer !== undefined && buffer.status !== 'ready' && performance.now() < deadlineMs) await sleep(10)
  return {
    persisted: () => readPersisted(context),
    dashboard: () => view.dashboard(),
    // Without a buffer accepted means stored.
    backlog: buffer === undefined ? async () => 0 : createBufferList(buffer).length,
    stored: stored.read,
    async [Symbol.asyncDispose]() {
      await Promise.all([view, stored].map((it) => it[Symbol.asyncDispose]()).concat(buffer === undefined ? [] : [closeRedis(buffer)]))
    },
  }
}
