import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../../../context.ts'
import type { Order } from '../../../event.ts'
import { counter } from '../../../metrics.ts'
import { connectPostgres } from '../../../postgres/connect.ts'
import { createTallies } from '../../../postgres/tallies.ts'
import { reasonOf } from '../../../reason.ts'
import { closeRedis, connectRedis } from '../../../redis.ts'
import { createHotHash } from './hot-hash.ts'
import type { V1Knobs } from '../knobs.ts'
import readEventCount from '../sql/read-event-count.sql?raw'
import { createTeller } from './teller.ts'

/** What arrives within this goes to Redis in one call. */
const FLUSH_MS = 5
/** While Redis is away. */
const RETRY_MS = 100
const POSTGRES_WITHIN_MS = 5_000
const END_WITHIN_MS = 500

/** What happens after a commit so that the dashboard need not wait for the cron. */
export interface HotCounters extends AsyncDisposable {
  /** These rows were inserted, and committed; with `counters=table` it does not matter which. Never waits, never throws. */
  stored(orders: readonly Order[]): void
}

/**
 * With `counters=hot`, raises the counters in Redis for what was stored; with `counters=table` the transaction itself has counted. Either way
 * tells everybody that there is a new dashboard. Failpoints: `before-raise`, `after-raise`.
 */
export function createHotCounters(context: Context<V1Knobs>): HotCounters {
  return context.knobs.counters === 'table' ? tellOfTable(context) : raiseHot(context)
}

function tellOfTable(context: Context<V1Knobs>): HotCounters {
  const redis = connectRedis(context, 'counters')
  const pool = connectPostgres(context, 'counters', 1, POSTGRES_WITHIN_MS)
  const teller = createTeller(context, redis, async () => {
    const { rows } = await pool.query<{ count: number }>({ name: 'read-event-count', text: readEventCount })
    return rows[0]?.count ?? 0
  })
  return {
    stored: teller.changed,
    async [Symbol.asyncDispose]() {
      await Promise.race([teller[Symbol.asyncDispose](), sleep(END_WITHIN_MS)])
      await Promise.all([closeRedis(redis), pool.end()])
    },
  }
}

/**
 * Each row is raised once at most: a call whose answer did not come may have been carried out, so it is not made again. What is lost that way,
 * or with this process, the cron's totals have after their next run.
 */
function raiseHot(context: Context<V1Knobs>): HotCounters {
  const redis = connectRedis(context, 'counters')
  const hash = createHotHash(redis)
  let pending = createTallies()
  let pendingOrders = 0
  let missed = 0
  let highest = 0
  let flushing: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let failing = false
  const teller = createTeller(context, redis, async () => highest)
  counter('lab_hot_counters_missed_total', 'Stored events that the hot counters may lack, as Redis did not answer.', () => missed)

  function schedule(): void {
    // Kept while it cannot be sent: that takes no more memory than there are figures.
    if (pendingOrders > 0 && flushing === undefined) timer ??= setTimeout(() => void flush(), redis.status === 'ready' ? FLUSH_MS : RETRY_MS)
  }

  async function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    flushing ??= (redis.status === 'ready' ? raise() : Promise.resolve()).finally(() => {
      flushing = undefined
      schedule()
    })
    await flushing
  }

  async function raise(): Promise<void> {
    const [tallies, orders] = [pending, pendingOrders]
    if (orders === 0) return
    pending = createTallies()
    pendingOrders = 0
    context.failpoint('before-raise')
    try {
      highest = Math.max(highest, await hash.raise(tallies.columns()))
      failing = false
    } catch (error) {
      missed += orders
      if (!failing) context.log(`hot counters may lack ${orders} events until the next aggregation: ${reasonOf(error)}`)
      failing = true
      return
    }
    context.failpoint('after-raise')
    teller.changed()
  }

  async function finish(): Promise<void> {
    await flushing
    await flush()
    clearTimeout(timer)
    await teller[Symbol.asyncDispose]()
  }

  return {
    stored(orders) {
      for (const order of orders) pending.add(order)
      pendingOrders += orders.length
      schedule()
    },
    async [Symbol.asyncDispose]() {
      await Promise.race([finish(), sleep(END_WITHIN_MS)])
      clearTimeout(timer)
      await closeRedis(redis)
    },
  }
}
