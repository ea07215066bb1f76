import pg from 'pg'
import type { Context } from '../../context.ts'
import type { OwnedOrder } from '../../event.ts'
import { connectionOf } from '../../postgres/connect.ts'
import { copyIn } from '../../postgres/copy-in.ts'
import { countHistory, encodeHistory, type Place } from './seed-rows.ts'
import copyHistoryIn from './sql/copy-history-in.sql?raw'
import countHistorySql from './sql/count-history.sql?raw'
import readFirstProjects from './sql/read-first-projects.sql?raw'

/**
 * History past the broker, each order in the workspace of its owner: rows and all that counts them, totals and rollups, in one transaction. The
 * rows have transaction 0, which is before every watermark: so no rollup counts them again, and no answer looks for them in its tail.
 */
export async function seedOrders(context: Context, orders: AsyncIterable<OwnedOrder[]>): Promise<void> {
  const placeOf = await readPlaces(context)
  await copyIn(context, orders, {
    tables: [{ copy: copyHistoryIn, encode: (some: readonly OwnedOrder[]) => encodeHistory(some, placeOf) }],
    after: async (client, batches: readonly OwnedOrder[][]) => void (await client.query(countHistorySql, countHistory(batches, placeOf))),
    // Hint bits and visibility now, or the first reader and autovacuum make them while something is measured. Without truncating: for every
    // table, 5 s are waited for a moment in which nobody reads it.
    finally: ['orders', 'totals', 'event_aggregations', 'everybody_aggregations'].map((table) => `VACUUM (ANALYZE, TRUNCATE false) ${table}`),
  })
}

/** Every workspace's first project holds its history. */
async function readPlaces(context: Context): Promise<(order: OwnedOrder) => Place> {
  const client = new pg.Client({ ...connectionOf(context), application_name: 'seed', connectionTimeoutMillis: 5_000 })
  await client.connect()
  try {
    const { rows } = await client.query<{ workspace_id: number; project_id: number }>(readFirstProjects)
    const places = new Map<string | undefined, Place>(rows.map((row) => [String(row.workspace_id), { workspace: row.workspace_id, project: row.project_id }]))
    return ({ id, owner }) => {
      const place = places.get(owner)
      if (place === undefined) throw new Error(`order ${id} belongs to ${owner === undefined ? 'nobody' : `workspace ${owner}`}: v4 stores orders of workspaces that have a project`)
      return place
    }
  } finally {
    await client.end()
  }
}
