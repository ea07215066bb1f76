import pg from 'pg'
import { callerPicker } from '../src/load/callers.ts'
import { orderBody } from '../src/load/customers.ts'
import { orderIdWriter, parseOrderId } from '../src/load/order-id.ts'
import type { System } from '../src/runtime/runtime.ts'
import type { Sender } from '../src/system/architectures/v4-rabbitmq-tenants/ingest/publisher.ts'
import { knobs, type V4Knobs } from '../src/system/architectures/v4-rabbitmq-tenants/knobs.ts'
import { createContext, type Context } from '../src/system/context.ts'
import type { Order } from '../src/system/event.ts'
import { ACCOUNT } from '../src/system/postgres/connect.ts'

/** Orders of the tenants that setup made, in shares by Zipf's law, as the lab sends them. */
export interface Senders {
  /** The n-th order, from 0, and in whose name it is sent. */
  at(sequence: number): { order: Order; sender: Sender }
}

const SEED = 1

export function contextOf(system: System, set: Partial<V4Knobs>, signal: AbortSignal): Context<V4Knobs> {
  return createContext({ env: system.env, knobs: { ...knobs.parse({}), ...set }, signal })
}

export async function connected(system: System): Promise<pg.Client> {
  const client = new pg.Client({ host: system.env['POSTGRES_HOST'], port: Number(system.env['POSTGRES_PORT']), ...ACCOUNT })
  await client.connect()
  return client
}

/** `runTag` tells apart what is sent into the same system one after the other. */
export async function sendersOf(client: pg.Client, runTag: number): Promise<Senders> {
  const { rows } = await client.query<Sender>('SELECT workspace_id AS workspace, min(id) AS project FROM projects GROUP BY workspace_id ORDER BY workspace_id')
  const pick = callerPicker(rows.map((_, i) => ({ share: 1 / (i + 1) })), SEED)
  const idOf = orderIdWriter(runTag, 0)
  const startMs = Date.now()
  return {
    at(sequence) {
      const id = idOf(startMs + Math.floor(sequence / 20), sequence)
      return { order: orderBody(SEED, id, parseOrderId(id)!), sender: rows[pick(0, sequence)]! }
    },
  }
}

export async function storedCount(client: pg.Client): Promise<number> {
  const text = "SELECT coalesce(sum(count), 0)::float8 AS events FROM totals WHERE dimension = 'all'"
  const { rows } = await client.query<{ events: number }>({ name: 'stored', text })
  return rows[0]!.events
}
