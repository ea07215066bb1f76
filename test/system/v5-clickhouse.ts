import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { local } from '../../src/runtime/local/local.ts'
import type { System } from '../../src/runtime/runtime.ts'
import { knobs, type V5Knobs } from '../../src/system/architectures/v5-kafka-clickhouse/knobs.ts'
import { createSchema } from '../../src/system/architectures/v5-kafka-clickhouse/setup.ts'
import type { Batch } from '../../src/system/architectures/v5-kafka-clickhouse/store.ts'
import { connectClickhouse, type Clickhouse } from '../../src/system/clickhouse/connect.ts'
import { createContext, type Context } from '../../src/system/context.ts'
import type { Order } from '../../src/system/event.ts'
import { encodeOrders } from '../../src/system/record.ts'

/** ClickHouse as v5 has it, with nothing in it. */
export interface Columns extends AsyncDisposable {
  context: Context<V5Knobs>
  clickhouse: Clickhouse
  service: System['services'][number]
  /** Nothing but an empty schema, made with these views. */
  clear(views?: V5Knobs['views']): Promise<void>
}

let started = 0

export async function startClickhouse(): Promise<Columns> {
  const folder = mkdtempSync(join(tmpdir(), 'v5-clickhouse-'))
  const stop = new AbortController()
  const system = await local.up({
    runId: `v5-clickhouse-${process.pid}-${++started}`,
    files: [fileURLToPath(new URL('fixtures/v5-clickhouse.yaml', import.meta.url))],
    env: {}, logDir: join(folder, 'logs'), signal: stop.signal, on: () => undefined,
  })
  const context = createContext({ env: system.env, knobs: knobs.parse({}), signal: stop.signal })
  const clickhouse = connectClickhouse(context, 'test')
  return {
    context, clickhouse,
    service: system.services[0]!,
    async clear(views = 'on') {
      for (const table of ['totals_view', 'orders_view', 'incoming', 'orders', 'totals']) await clickhouse.run(`DROP TABLE IF EXISTS ${table} SYNC`)
      await createSchema(createContext({ env: system.env, knobs: { ...context.knobs, views }, signal: stop.signal }))
    },
    async [Symbol.asyncDispose]() {
      await clickhouse[Symbol.asyncDispose]()
      stop.abort()
      await system[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** These orders as one batch of a partition; it takes as many offsets, and a few more. */
export function batchOf(orders: readonly Order[], partition = 0, from = 0): Batch {
  return { partition, from, to: from + orders.length + 3, token: randomUUID(), records: encodeOrders(orders) }
}
