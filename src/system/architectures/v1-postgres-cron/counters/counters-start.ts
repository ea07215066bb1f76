import { once } from 'node:events'
import type { ClientBase } from 'pg'
import type { Context } from '../../../context.ts'
import type { TallyColumns } from '../../../postgres/tallies.ts'
import type { TotalsRow } from '../../../postgres/totals.ts'
import { closeRedis, connectRedis } from '../../../redis.ts'
import { createHotHash, type HotHash } from './hot-hash.ts'
import type { V1Knobs } from '../knobs.ts'
import addEventCounts from '../sql/add-event-counts.sql?raw'
import tallyOrders from '../sql/tally-orders.sql?raw'

const REDIS_WITHIN_MS = 5_000

/** Counters that are not there yet begin with what the table holds. Before anybody writes, or again at any time: those that exist stay as they are. */
export async function beginCounters(context: Context<V1Knobs>, client: ClientBase): Promise<void> {
  if (context.knobs.counters === 'hot') await withHotHash(context, async (hash) => hash.beginWith(await tallied(client)))
  if (context.knobs.counters === 'table') await beginEventCounts(client)
}

/** Whoever writes counts in the same transaction, after its rows: behind this lock both are there or neither is. */
async function beginEventCounts(client: ClientBase): Promise<void> {
  await client.query('BEGIN')
  try {
    await client.query('LOCK TABLE event_counts IN EXCLUSIVE MODE')
    const { rows } = await client.query('SELECT 1 FROM event_counts LIMIT 1')
    if (rows.length === 0) await addToTable(client, await tallied(client))
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

async function addToTable(client: ClientBase, { dimensions, keys, counts, revenueCents }: TallyColumns): Promise<void> {
  await client.query({ name: 'add-event-counts', text: addEventCounts, values: [dimensions, keys, counts, revenueCents] })
}

async function tallied(client: ClientBase): Promise<TallyColumns> {
  const { rows } = await client.query<TotalsRow>(tallyOrders)
  return {
    dimensions: rows.map((row) => row.dimension),
    keys: rows.map((row) => row.key),
    counts: rows.map((row) => row.count),
    revenueCents: rows.map((row) => row.revenue_cents),
  }
}

async function withHotHash(context: Context, use: (hash: HotHash) => Promise<void>): Promise<void> {
  const redis = connectRedis(context, 'counters')
  try {
    if (redis.status !== 'ready') await once(redis, 'ready', { signal: AbortSignal.timeout(REDIS_WITHIN_MS) })
    await use(createHotHash(redis))
  } finally {
    await closeRedis(redis)
  }
}
