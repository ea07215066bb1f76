import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import pg from 'pg'
import { local } from '../../src/runtime/local/local.ts'
import type { System } from '../../src/runtime/runtime.ts'
import { knobs, type V4Knobs } from '../../src/system/architectures/v4-rabbitmq-tenants/knobs.ts'
import createBorders from '../../src/system/architectures/v4-rabbitmq-tenants/sql/create-borders.sql?raw'
import createOrders from '../../src/system/architectures/v4-rabbitmq-tenants/sql/create-orders.sql?raw'
import createTenancy from '../../src/system/architectures/v4-rabbitmq-tenants/sql/create-tenancy.sql?raw'
import createTotals from '../../src/system/architectures/v4-rabbitmq-tenants/sql/create-totals.sql?raw'
import storeBatch from '../../src/system/architectures/v4-rabbitmq-tenants/sql/store-batch.sql?raw'
import { createContext, type Context } from '../../src/system/context.ts'
import { ORDER_TYPES, PRODUCTS, STORES, type Order } from '../../src/system/event.ts'
import { ACCOUNT } from '../../src/system/postgres/connect.ts'

/** PostgreSQL and Redis as v4 has them, with `WORKSPACES` workspaces and nothing in them. */
export interface Stores extends AsyncDisposable {
  system: System
  context: Context<V4Knobs>
  redis: Redis
  log: string[]
  connect(account?: typeof ACCOUNT): Promise<pg.Client>
  /** No orders any more, nowhere. */
  clear(): Promise<void>
  service(name: string): System['services'][number]
}

export const WORKSPACES = 5

let started = 0

export async function startStores(given: Partial<V4Knobs> = {}): Promise<Stores> {
  const folder = mkdtempSync(join(tmpdir(), 'v4-stores-'))
  const stop = new AbortController()
  const system = await local.up({
    runId: `v4-stores-${process.pid}-${++started}`,
    files: [fileURLToPath(new URL('fixtures/v4-stores.yaml', import.meta.url))],
    env: {}, logDir: join(folder, 'logs'), signal: stop.signal, on: () => undefined,
  })
  const log: string[] = []
  const context = createContext({ env: system.env, knobs: { ...knobs.parse({}), ...given }, signal: stop.signal, log: (line) => void log.push(line) })
  const clients: pg.Client[] = []
  const connect: Stores['connect'] = async (account = ACCOUNT) => {
    const client = new pg.Client({ ...context.address('postgres'), ...account })
    client.on('error', () => {})
    await client.connect()
    clients.push(client)
    return client
  }
  const owner = await connect()
  for (const statements of [createTenancy, createOrders, createTotals, createBorders]) await owner.query(statements)
  await owner.query('INSERT INTO workspaces (slug, name) SELECT $1 || i, $1 || i FROM generate_series(1, $2::integer) AS i', ['w', WORKSPACES])
  await owner.query("INSERT INTO projects (workspace_id, name) SELECT id, 'main' FROM workspaces ORDER BY id")
  const redis = new Redis({ ...context.address('redis'), retryStrategy: () => 50 })
  redis.on('error', () => {})
  return {
    system, context, redis, log, connect,
    service: (name) => system.services.find((it) => it.service === name)!,
    async clear() {
      await owner.query('TRUNCATE orders, totals, event_aggregations, everybody_aggregations, rollup_state')
      await redis.flushall()
    },
    async [Symbol.asyncDispose]() {
      redis.disconnect()
      stop.abort()
      await Promise.all(clients.map((it) => it.end().catch(() => {})))
      await system[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** An order in a workspace. */
export type Placed = Order & { workspace: number }

const columns = (orders: readonly Placed[]) => [
  orders.map((it) => it.workspace), orders.map((it) => it.id), orders.map((it) => it.workspace), orders.map((it) => it.timestampMs), orders.map((it) => it.amountCents),
  orders.map((it) => ORDER_TYPES.indexOf(it.type)), orders.map((it) => STORES.indexOf(it.store)), orders.map((it) => PRODUCTS.indexOf(it.product)),
]

/** As a worker stores a batch: what is known already is left out. */
export async function store(client: pg.Client, orders: readonly Placed[]): Promise<void> {
  const sorted = orders.toSorted((a, b) => a.workspace - b.workspace || (a.id < b.id ? -1 : 1))
  await client.query({ name: 'store-batch', text: storeBatch, values: columns(sorted) })
}

export const placed = (orders: readonly Order[], workspace: number): Placed[] => orders.map((it) => ({ ...it, workspace }))
