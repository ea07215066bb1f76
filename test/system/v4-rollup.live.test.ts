import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { analyse } from '../../src/system/analytics.ts'
import type { AnalyticsQuery } from '../../src/system/architecture.ts'
import { EVERYBODY } from '../../src/system/architectures/v4-rabbitmq-tenants/names.ts'
import { rollUpStep } from '../../src/system/architectures/v4-rabbitmq-tenants/read/rollup-step.ts'
import { startRollup } from '../../src/system/architectures/v4-rabbitmq-tenants/read/rollup.ts'
import { createStored, type Stored } from '../../src/system/architectures/v4-rabbitmq-tenants/read/stored.ts'
import analyticsSql from '../../src/system/architectures/v4-rabbitmq-tenants/sql/analytics.sql?raw'
import { seedOrders } from '../../src/system/architectures/v4-rabbitmq-tenants/seed.ts'
import { API_ACCOUNT, WORK_ACCOUNT } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/accounts.ts'
import { ORDER_TYPES, PRODUCTS, STORES } from '../../src/system/event.ts'
import { until } from './client.ts'
import { randomOrders } from './orders.ts'
import { placed, startStores, store, WORKSPACES, type Placed, type Stores } from './v4-stores.ts'

const HOUR_MS = 3_600_000
const BASE_MS = Date.UTC(2026, 3, 1, 10)
const EVER = { fromMs: Date.UTC(2000, 0, 1), toMs: Date.UTC(2100, 0, 1) }
const BY = ['product', 'store', 'type', 'hour'] as const

let stores: Stores
let stored: Stored
let clients: pg.Client[]
let other: pg.Client
beforeAll(async () => {
  stores = await startStores()
  stored = createStored(stores.context, 'test')
  clients = [await stores.connect(WORK_ACCOUNT), await stores.connect(WORK_ACCOUNT)]
  other = await stores.connect(WORK_ACCOUNT)
})
afterAll(async () => {
  await stored[Symbol.asyncDispose]()
  await stores[Symbol.asyncDispose]()
})
beforeEach(() => stores.clear())

const asked = (query: Pick<AnalyticsQuery, 'fromMs' | 'toMs' | 'by'>): AnalyticsQuery => ({ ...query, asked: JSON.stringify(query) })

/** Everything that the rollups can be asked, in each workspace and over all, is what follows from the orders. */
async function expectExact(orders: readonly Placed[], spans: readonly Pick<AnalyticsQuery, 'fromMs' | 'toMs'>[] = [EVER]): Promise<void> {
  for (let workspace = EVERYBODY; workspace <= WORKSPACES; workspace++) {
    const theirs = workspace === EVERYBODY ? orders : orders.filter((it) => it.workspace === workspace)
    for (const span of spans) for (const by of BY) expect(await stored.analytics(workspace, asked({ ...span, by })), `workspace ${workspace} by ${by}`).toEqual(analyse(theirs, { ...span, by }))
  }
}

/** All steps that there are. */
async function rollUp(client: pg.Client, most = 100_000): Promise<number> {
  let rows = 0
  for (let workspace = 1; workspace <= WORKSPACES; workspace++) {
    for (let more = true; more;) {
      const step = await rollUpStep(client, workspace, most)
      rows += step.rows
      more = step.more
    }
  }
  return rows
}

/** Events that are in the rollups, by what these say themselves. */
async function rolledUp(workspace?: number): Promise<number> {
  const { rows } = await other.query<{ count: number }>("SELECT coalesce(sum(count), 0)::float8 AS count FROM event_aggregations WHERE dimension = 'hour' AND ($1::integer IS NULL OR workspace_id = $1)", [workspace ?? null])
  return rows[0]!.count
}

const hourly = (count: number, seed: number, workspace: number): Placed[] => placed(randomOrders(count, seed, Date.now()).map((it, i) => ({ ...it, timestampMs: BASE_MS + i * 60_000 })), workspace)

describe('analytics are exact', () => {
  const place = fc.oneof(fc.integer({ min: 0, max: 4 * HOUR_MS }), fc.integer({ min: 0, max: 4 }).chain((hour) => fc.integer({ min: -1, max: 1 }).map((ms) => hour * HOUR_MS + ms)))
  const order: fc.Arbitrary<Placed> = fc.record({
    workspace: fc.integer({ min: 1, max: 3 }),
    // Few ids: the same in several workspaces, and again in the same one.
    id: fc.integer({ min: 0, max: 40 }).map((n) => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`),
    timestampMs: place.map((ms) => BASE_MS + ms),
    type: fc.constantFrom(...ORDER_TYPES), store: fc.constantFrom(...STORES.slice(0, 3)), product: fc.constantFrom(...PRODUCTS.slice(0, 3)),
    amountCents: fc.integer({ min: 0, max: 1_000_000 }),
  })
  type Action = { kind: 'store' | 'late' | 'history'; orders: Placed[] } | { kind: 'roll'; workspace: number; most: number } | { kind: 'end'; how: 'COMMIT' | 'ROLLBACK' } | { kind: 'ask'; fromMs: number; toMs: number; by: (typeof BY)[number] }
  const action: fc.Arbitrary<Action> = fc.oneof(
    fc.record({ kind: fc.constant('store' as const), orders: fc.array(order, { minLength: 1, maxLength: 20 }) }),
    fc.record({ kind: fc.constantFrom('late' as const, 'history' as const), orders: fc.array(order, { minLength: 1, maxLength: 10 }) }),
    fc.record({ kind: fc.constant('roll' as const), workspace: fc.integer({ min: 1, max: 3 }), most: fc.constantFrom(1, 5, 1_000) }),
    fc.record({ kind: fc.constant('end' as const), how: fc.constantFrom('COMMIT' as const, 'ROLLBACK' as const) }),
    fc.tuple(place, place, fc.constantFrom(...BY)).filter(([a, b]) => a !== b).map(([a, b, by]) => ({ kind: 'ask' as const, fromMs: BASE_MS + Math.min(a, b), toMs: BASE_MS + Math.max(a, b), by })),
  )

  it('for whatever is stored, late, twice, or as history, rolled up whenever, in several workspaces at once', async () => {
    await fc.assert(fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 30 }), async (actions) => {
      await stores.clear()
      const model = new Map<string, Placed>()
      let late: Placed[] | undefined
      const end = async (how: 'COMMIT' | 'ROLLBACK') => {
        if (late === undefined) return
        await other.query(how)
        if (how === 'COMMIT') for (const it of late) model.set(`${it.workspace} ${it.id}`, it)
        late = undefined
      }
      // The totals of its workspaces are locked until a late transaction ends.
      const free = (orders: readonly Placed[]) => orders.filter((it) => !late?.some(({ workspace }) => workspace === it.workspace))
      for (const one of actions) {
        switch (one.kind) {
          case 'store': {
            const batch = [...new Map(free(one.orders).map((it) => [`${it.workspace} ${it.id}`, it])).values()]
            await store(clients[0]!, batch)
            for (const it of batch) if (!model.has(`${it.workspace} ${it.id}`)) model.set(`${it.workspace} ${it.id}`, it)
            break
          }
          case 'late': {
            if (late !== undefined) break
            late = one.orders.map((it) => ({ ...it, id: randomUUID() }))
            await other.query('BEGIN')
            await store(other, late)
            break
          }
          case 'history': {
            const history = free(one.orders).map((it) => ({ ...it, id: randomUUID(), owner: String(it.workspace) }))
            await seedOrders(stores.context, (async function* () { yield history })())
            for (const { owner: _, ...it } of history) model.set(`${it.workspace} ${it.id}`, it)
            break
          }
          case 'roll': await rollUpStep(clients[1]!, one.workspace, one.most); break
          case 'end': await end(one.how); break
          case 'ask': for (const workspace of [EVERYBODY, 1, 2, 3]) {
            const theirs = [...model.values()].filter((it) => workspace === EVERYBODY || it.workspace === workspace)
            expect(await stored.analytics(workspace, asked(one))).toEqual(analyse(theirs, one))
          }
        }
      }
      await end('COMMIT')
      const all = [...model.values()]
      await expectExact(all, [EVER, { fromMs: BASE_MS + 1, toMs: BASE_MS + 3 * HOUR_MS - 1 }])
      await rollUp(clients[0]!, 7)
      expect(await rolledUp()).toBe(all.length)
      await expectExact(all)
    }), { numRuns: 20 })
  })

  it('for orders of any time that is allowed, before, between and after', async () => {
    const orders = [1, 2, 3].flatMap((workspace) => placed(randomOrders(400, workspace, Date.now()), workspace))
    await store(clients[0]!, orders.slice(0, 700))
    await rollUp(clients[0]!)
    await store(clients[0]!, orders.slice(600))
    await expectExact(orders, [EVER, { fromMs: Date.UTC(2022, 0, 1) + 1, toMs: Date.UTC(2024, 5, 1, 7, 30) }, { fromMs: orders[3]!.timestampMs, toMs: orders[3]!.timestampMs + 1 }])
  })
})

describe('the tail of analytics', () => {
  it('is found by its index, whatever row-level security makes of the statement', async () => {
    await store(clients[0]!, hourly(300, 1, 1))
    await rollUp(clients[0]!)
    await store(clients[0]!, hourly(10, 2, 1))
    const api = await stores.connect({ ...API_ACCOUNT, options: '-c enable_seqscan=off' } as typeof API_ACCOUNT)
    await api.query('BEGIN; SET LOCAL lab.workspace = 1')
    const { rows } = await api.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${analyticsSql}`, [1, 'store', 0, 600_000, 0, 0, 0, 0])
    await api.query('ROLLBACK')
    expect(rows.map((it) => it['QUERY PLAN']).join('\n')).toMatch(/Index Cond: \(\(workspace_id = 1\) AND \(xid >= /)
  })
})

describe('the rollup', () => {
  it('adds nothing twice when it runs twice, and nothing at all when there is nothing', async () => {
    const orders = hourly(300, 1, 1)
    await store(clients[0]!, orders)
    expect(await rollUp(clients[0]!)).toBe(300)
    expect(await rollUp(clients[1]!)).toBe(0)
    expect(await rolledUp()).toBe(300)
    await expectExact(orders)
  })

  it('comes to the same sums when two do it at once while orders come', async () => {
    const orders = [1, 2, 3].flatMap((workspace) => hourly(400, workspace, workspace))
    let done = false
    const rolling = clients.map(async (client) => {
      while (!done) await rollUp(client, 20)
    })
    for (let from = 0; from < orders.length; from += 10) await store(other, orders.slice(from, from + 10))
    done = true
    await Promise.all(rolling)
    await rollUp(clients[0]!)
    expect(await rolledUp()).toBe(1_200)
    await expectExact(orders)
  })

  it('is held back by a transaction that stays open, and skips nobody', async () => {
    const [late, early] = [hourly(10, 1, 1), hourly(50, 2, 2)]
    await other.query('BEGIN')
    await store(other, late)
    await store(clients[0]!, early)
    await rollUp(clients[0]!)
    expect(await rolledUp()).toBe(0)
    await expectExact(early)
    await other.query('COMMIT')
    await expectExact([...late, ...early])
    expect(await rollUp(clients[0]!)).toBe(60)
    await expectExact([...late, ...early])
  })

  it.each(['before-commit', 'after-commit'])('killed %s is made up for by the next, exactly', async (point) => {
    const orders = hourly(500, 1, 1)
    for (let from = 0; from < orders.length; from += 50) await store(clients[0]!, orders.slice(from, from + 50))
    for (let round = 0; round < 3; round++) {
      const doomed = await stores.connect(WORK_ACCOUNT)
      const dies = (at: string) => {
        if (at !== point) return
        // As SIGKILL leaves it: the connection is gone, and nothing more is sent on it.
        const { stream } = (doomed as unknown as { connection: { stream: { destroy(): void } } }).connection
        stream.destroy()
        throw new Error('killed')
      }
      await expect(rollUpStep(doomed, 1, 100, dies)).rejects.toThrow('killed')
      await expectExact(orders)
    }
    await until('the dead let go', async () => {
      await rollUp(clients[1]!)
      return (await rolledUp()) === 500
    })
    await expectExact(orders)
  })

  it('takes steps of a bounded size, and a transaction that is larger as a whole', async () => {
    const [large, small] = [hourly(900, 1, 1), hourly(300, 2, 1)]
    await store(clients[0]!, large)
    for (let from = 0; from < small.length; from += 3) await store(clients[0]!, small.slice(from, from + 3))
    const sizes: number[] = []
    for (let more = true; more;) {
      const step = await rollUpStep(clients[1]!, 1, 100)
      sizes.push(step.rows)
      more = step.more
    }
    expect(sizes[0]).toBe(900)
    expect(Math.max(...sizes.slice(1))).toBeLessThanOrEqual(100)
    expect(sizes.reduce((sum, it) => sum + it, 0)).toBe(1_200)
    await expectExact([...large, ...small])
  })

  it('lets nobody wait for a workspace that another one is at', async () => {
    await store(clients[0]!, [...hourly(20, 1, 1), ...hourly(20, 2, 2)])
    await rollUp(clients[0]!)
    await store(clients[0]!, [...hourly(20, 3, 1), ...hourly(20, 4, 2)])
    await other.query('BEGIN; SELECT FROM rollup_state WHERE workspace_id = 1 FOR UPDATE')
    expect(await rollUpStep(clients[1]!, 1, 100)).toEqual({ rows: 0, more: false })
    await other.query('ROLLBACK')
    expect(await rollUp(clients[1]!)).toBe(40)
  })

  it('runs by itself, soon after its start and on schedule', async () => {
    const orders = hourly(100, 1, 1)
    await store(clients[0]!, orders.slice(0, 60))
    const stop = new AbortController()
    await using _rollup = {
      rollup: await startRollup({ ...stores.context, knobs: { rollup: 1 }, signal: stop.signal }),
      async [Symbol.asyncDispose]() {
        stop.abort()
        await this.rollup[Symbol.asyncDispose]()
      },
    }
    await until('the first are rolled up', async () => (await rolledUp()) === 60)
    await store(clients[0]!, orders.slice(60))
    await until('the others too', async () => (await rolledUp()) === 100)
    await stores.service('postgres').kill({ hold: true })
    await sleep(200)
    await stores.service('postgres').start()
    const again = await stores.connect(WORK_ACCOUNT)
    const more = hourly(10, 9, 2)
    await store(again, more)
    await until('it goes on after an outage', async () => (await again.query("SELECT FROM event_aggregations WHERE workspace_id = 2")).rowCount! > 0)
    await expectExact([...orders, ...more])
  })
})
