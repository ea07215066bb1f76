import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Context } from '../../../context.ts'
import type { Order } from '../../../event.ts'
import { counter } from '../../../metrics.ts'
import { connectionOf } from '../../../postgres/connect.ts'
import { outcomeOf } from '../../../postgres/outcome.ts'
import { Refusal } from '../../../problem.ts'
import { reasonOf } from '../../../reason.ts'
import { decodeOrder, encodeOrders, isOrder, RECORD_BYTES } from '../../../record.ts'
import { closeRedis, connectRedis } from '../../../redis.ts'
import { createBufferList } from './buffer.ts'
import { createHotCounters } from '../counters/counters.ts'
import { createInsert } from './insert.ts'
import type { V1Knobs } from '../knobs.ts'

/** Records in one transaction, at most. */
const BATCH = 1_000
/** An empty buffer is looked at again after this. */
const IDLE_MS = 20
const RETRY_MS = 100
const CONNECT_WITHIN_MS = 1_000
const STATEMENT_TIMEOUT_MS = 30_000
/** Some more, for a server that does not answer at all. */
const ANSWER_WITHIN_MS = 35_000
const STOP_WITHIN_MS = 3_000

/**
 * read the oldest ──▶ INSERT … ON CONFLICT DO NOTHING, COMMIT ──▶ take them off the list
 *
 * The list has the only copy until the commit, and the commit is waited for whatever `syncCommit` says, as the copy goes away then.
 * PostgreSQL or Redis away: it waits, and drops nothing.
 */
export async function startBufferWorker(context: Context<V1Knobs>): Promise<AsyncDisposable> {
  const redis = connectRedis(context, 'buffer')
  const list = createBufferList(redis)
  const insert = createInsert(context.knobs)
  const counters = context.knobs.counters === 'cron' ? undefined : createHotCounters(context)
  let client: pg.Client | undefined
  let taken = 0
  let dead = 0
  counter('lab_events_stored_total', 'Events stored (or found stored) and taken off the buffer.', () => taken)
  counter('lab_events_dead_total', 'Records of the buffer that could not be stored.', () => dead)

  async function connected(): Promise<pg.Client> {
    if (client !== undefined) return client
    const fresh = new pg.Client({
      ...connectionOf(context),
      application_name: 'buffer',
      connectionTimeoutMillis: CONNECT_WITHIN_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: ANSWER_WITHIN_MS,
      keepAlive: true,
    })
    fresh.on('error', () => drop(fresh))
    fresh.on('end', () => drop(fresh))
    await fresh.connect()
    return (client = fresh)
  }

  function drop(it: pg.Client): void {
    if (client === it) client = undefined
    it.end().catch(() => {})
  }

  async function store(orders: readonly Order[]): Promise<void> {
    const it = await connected()
    try {
      const inserted = await insert(it, orders)
      counters?.stored(inserted)
    } catch (error) {
      const outcome = outcomeOf(error)
      if (!(outcome instanceof Refusal)) {
        drop(it)
        throw outcome
      }
      if (orders.length === 1) throw outcome
      // Halved until what PostgreSQL refuses stands alone.
      const middle = orders.length >> 1
      await storeOrBury(orders.slice(0, middle))
      await storeOrBury(orders.slice(middle))
    }
  }

  async function storeOrBury(orders: readonly Order[]): Promise<void> {
    try {
      await store(orders)
    } catch (error) {
      if (!(error instanceof Refusal) || orders.length !== 1) throw error
      await bury(encodeOrders(orders), error.message)
    }
  }

  async function bury(record: Buffer, reason: string): Promise<void> {
    await list.bury(record)
    dead += 1
    context.log(`a record went to the dead ones: ${reason}`)
  }

  /** Returns whether there was anything. */
  async function drain(): Promise<boolean> {
    const peeked = await list.peek(BATCH)
    if (peeked.records.length === 0) return false
    const readMs = context.tracer?.nowMs()
    context.failpoint('after-read')
    const orders: Order[] = []
    for (const it of peeked.records) {
      if (it.length === RECORD_BYTES && isOrder(it, 0)) orders.push(decodeOrder(it, 0))
      else await bury(it, 'it is no order')
    }
    const beganMs = context.tracer?.nowMs()
    if (orders.length > 0) await storeOrBury(orders)
    if (beganMs !== undefined) context.tracer!.stored([{ events: orders.map(({ id }) => id), readMs: readMs! }], beganMs)
    context.failpoint('after-commit')
    if (await list.trim(peeked)) taken += peeked.records.length
    else context.log('another one drains this buffer too')
    context.failpoint('after-trim')
    return true
  }

  async function run(): Promise<void> {
    let away = false
    while (!context.signal.aborted) {
      try {
        if (!(await drain())) await sleep(IDLE_MS)
        if (away) context.log('draining again')
        away = false
      } catch (error) {
        if (!away && !context.signal.aborted) context.log(`cannot drain: ${reasonOf(error)}`)
        away = true
        await sleep(RETRY_MS)
      }
    }
  }

  const running = run()
  return {
    async [Symbol.asyncDispose]() {
      const late = setTimeout(() => {
        if (client !== undefined) drop(client)
        redis.disconnect()
      }, STOP_WITHIN_MS)
      await running
      clearTimeout(late)
      await Promise.all([closeRedis(redis), client?.end().catch(() => {}), counters?.[Symbol.asyncDispose]()])
    },
  }
}
