import type { Reader, View } from '../../../architecture.ts'
import { boundedCalls } from '../../../bounded-redis.ts'
import type { Context } from '../../../context.ts'
import type { Dashboard } from '../../../dashboard.ts'
import { counter } from '../../../metrics.ts'
import { closeRedis, connectRedis } from '../../../redis.ts'
import { dashboardKey, EVERYBODY } from '../names.ts'
import type { Principal } from '../tenancy/access.ts'
import { createAnswers, type Answers } from './answers.ts'
import { createChanges } from './changes.ts'
import { createStored } from './stored.ts'

const REDIS_WITHIN_MS = 250

/** Everything that is read of v4: dashboards from Redis, or from PostgreSQL when Redis has none; analytics from PostgreSQL, kept in Redis. */
export interface Reads extends AsyncDisposable {
  /** What somebody may see: their workspace, or as the operator the sum of all. */
  of(principal: Principal): View
  /** The sum of all workspaces. */
  everybody: Reader
  answers: Answers
  /** Dashboards that PostgreSQL had to give. */
  fallbacks(): number
}

/** `purpose` names its connections. */
export function createReads(context: Context<{ cache: 'off' | '5min' }>, purpose = 'api'): Reads {
  const redis = connectRedis(context, `${purpose}-reader`)
  const bounded = boundedCalls(redis, REDIS_WITHIN_MS)
  const changes = createChanges(context, `${purpose}-listener`)
  const stored = createStored(context, purpose)
  const answers = createAnswers(redis, bounded)
  const reading = new Map<number, Promise<Dashboard>>()
  let fallbacks = 0

  async function readDashboard(workspace: number): Promise<Dashboard> {
    const json = (await bounded(() => redis.hget(dashboardKey(workspace), 'json')))?.answer
    if (typeof json === 'string') return JSON.parse(json) as Dashboard
    fallbacks += 1
    return await stored.dashboard(workspace)
  }

  /** Requests that come while one reading of a workspace is under way share it. */
  function dashboard(workspace: number): Promise<Dashboard> {
    const others = reading.get(workspace)
    if (others !== undefined) return others
    const mine = readDashboard(workspace).finally(() => reading.delete(workspace))
    reading.set(workspace, mine)
    return mine
  }

  function readerOf(workspace: number): Reader {
    return {
      dashboard: () => dashboard(workspace),
      analytics(query) {
        const compute = () => stored.analytics(workspace, query)
        return context.knobs.cache === 'off' ? compute() : answers.answer(workspace, query, compute)
      },
      onChange: (listener) => changes.listen(workspace, listener),
    }
  }

  const everybody = readerOf(EVERYBODY)
  return {
    of(principal) {
      const { expiresAtMs } = principal
      if (principal.audience === 'operator') return { ...everybody, channel: 'everybody', expiresAtMs }
      const { workspace } = principal
      if (!Number.isInteger(workspace) || workspace <= EVERYBODY) throw new RangeError('a workspace has a number above 0')
      return { ...readerOf(workspace), channel: `workspace ${workspace}`, expiresAtMs }
    },
    everybody,
    answers,
    fallbacks: () => fallbacks,
    async [Symbol.asyncDispose]() {
      await Promise.all([changes[Symbol.asyncDispose](), closeRedis(redis), stored[Symbol.asyncDispose]()])
    },
  }
}

/** Under the names that all architectures use. Once a process. */
export function exposeReads({ answers, fallbacks }: Reads): void {
  counter('lab_cache_hits_total', 'Reads answered from what was kept.', answers.hits)
  counter('lab_cache_misses_total', 'Reads that were computed, as nothing was kept.', answers.misses)
  counter('lab_cache_waits_total', 'Reads answered with what another one computed meanwhile.', answers.waits)
  counter('lab_dashboard_fallbacks_total', 'Dashboards read from PostgreSQL, as Redis had none.', fallbacks)
}
