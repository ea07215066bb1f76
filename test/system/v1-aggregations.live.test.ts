import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Aggregation } from '../../src/system/architectures/v1-postgres-cron/aggregate/aggregations/aggregation.ts'
import { AGGREGATIONS } from '../../src/system/architectures/v1-postgres-cron/aggregate/aggregations/index.ts'
import { createAggregationSchema } from '../../src/system/architectures/v1-postgres-cron/aggregate/aggregation-schema.ts'
import addSince from '../../src/system/architectures/v1-postgres-cron/sql/add-since.sql?raw'
import { takeTurn } from '../../src/system/architectures/v1-postgres-cron/aggregate/turn.ts'
import type { Order } from '../../src/system/event.ts'
import { drive, post } from './client.ts'
import { expectedDashboard, randomOrders, wire, withoutMoment } from './orders.ts'
import { startStack, storedOrders, type Stack } from './stack.ts'

const NAMES = Object.keys(AGGREGATIONS) as (keyof typeof AGGREGATIONS)[]

/** Aggregations as such, on the real tables, turn by turn; the aggregator's own process is stopped. */
describe.each(['none', 'range'])('aggregations, partition=%s', (partition) => {
  let stack: Stack
  let clients: [pg.Client, pg.Client]
  const connect = async () => {
    const client = new pg.Client({ host: stack.system.env['POSTGRES_HOST']!, port: Number(stack.system.env['POSTGRES_PORT']), user: 'lab', password: 'lab', database: 'lab' })
    client.on('error', () => {})
    await client.connect()
    return client
  }
  const send = async (orders: readonly Order[]) => {
    expect((await post(`${stack.url}/api/v1/orders`, JSON.stringify(orders.map(wire)))).status).toBe(201)
  }
  const expectExact = async (turn: Awaited<ReturnType<typeof takeTurn>>) => {
    expect(withoutMoment(turn!.dashboard)).toEqual(expectedDashboard(await storedOrders(stack.judge)))
  }

  beforeAll(async () => {
    stack = await startStack('v1', { knobs: { interval: '3600000', partition } })
    await stack.system.services.find((it) => it.service === 'aggregator')!.stop()
    clients = [await connect(), await connect()]
    for (const aggregator of NAMES) await createAggregationSchema(clients[0], { aggregator, counters: 'cron' })
  })
  afterAll(async () => {
    await Promise.all(clients.map((it) => it.end().catch(() => {})))
    await stack[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    await clients[0].query(`TRUNCATE orders, totals${partition === 'range' ? ', order_ids' : ''}`)
    await clients[0].query("UPDATE aggregation_state SET watermark = '0'")
  })

  it.each(NAMES)('%s is exact, turn after turn, whatever is sent twice', async (name) => {
    const aggregation = AGGREGATIONS[name]()
    expect((await takeTurn(clients[0], aggregation))!.dashboard.count).toBe(0)
    const orders = randomOrders(600, 11, Date.now())
    await send(orders.slice(0, 400))
    await expectExact(await takeTurn(clients[0], aggregation))
    await send([...orders.slice(300), ...orders.slice(0, 50)])
    const turn = await takeTurn(clients[1], aggregation)
    expect([turn!.dashboard.count, turn!.rows]).toEqual([600, name === 'incremental' ? 200 : 600])
    await expectExact(turn)
    expect((await takeTurn(clients[0], aggregation))!.dashboard).toMatchObject({ count: 600, version: 600 })
  })

  it('incremental counts whoever commits late, once', async () => {
    const aggregation = AGGREGATIONS.incremental()
    const [early, late] = [randomOrders(100, 12, Date.now()), randomOrders(1, 13, Date.now())]
    const other = await connect()
    await other.query('BEGIN')
    await other.query('INSERT INTO orders (id, timestamp_ms, amount_cents, type, store, product) VALUES ($1, $2, 100, 0, 0, 0)', [late[0]!.id, late[0]!.timestampMs])
    // Begun later, committed before: what the other holds back is counted later, not skipped.
    await send(early)
    await takeTurn(clients[0], aggregation)
    await takeTurn(clients[1], aggregation)
    await other.query('COMMIT')
    await other.end()
    await expectExact(await takeTurn(clients[0], aggregation))
    await send(randomOrders(10, 14, Date.now()))
    const turn = await takeTurn(clients[1], aggregation)
    expect(turn!.dashboard.count).toBe(111)
    await expectExact(turn)
  })

  it('incremental leaves out who rolls back', async () => {
    const aggregation = AGGREGATIONS.incremental()
    await clients[1].query('BEGIN')
    await clients[1].query('INSERT INTO orders (id, timestamp_ms, amount_cents, type, store, product) VALUES (gen_random_uuid(), 1600000000000, 100, 0, 0, 0)')
    await send(randomOrders(10, 15, Date.now()))
    await takeTurn(clients[0], aggregation)
    await clients[1].query('ROLLBACK')
    const turn = await takeTurn(clients[0], aggregation)
    expect([turn!.dashboard.count, turn!.rows]).toEqual([10, 10])
    await expectExact(turn)
  })

  it('incremental finds what is new by its index, and reads nothing else', async () => {
    await clients[0].query('BEGIN; SET LOCAL enable_seqscan = off')
    const { rows } = await clients[0].query<{ 'QUERY PLAN': string }>(`EXPLAIN ${addSince.replaceAll('$1', "'1000000'").replaceAll('$2', "'1000001'")}`)
    await clients[0].query('ROLLBACK')
    const plan = rows.map((it) => it['QUERY PLAN']).join('\n')
    expect(plan).toMatch(/xid/)
    expect(plan).not.toMatch(/Seq Scan on orders/)
  })

  it.each(NAMES)('%s: two at once count everything once', async (name) => {
    let done = false
    let skipped = 0
    const work = async (client: pg.Client) => {
      const aggregation = AGGREGATIONS[name]()
      while (!done) if ((await takeTurn(client, aggregation)) === undefined) skipped += 1
    }
    const working = clients.map(work)
    const fates = await drive(`${stack.url}/api/v1`, randomOrders(800, 16, Date.now()), { inFlight: 16, batch: 2 })
    done = true
    await Promise.all(working)
    expect(fates.ok.size).toBe(800)
    expect(skipped).toBeGreaterThan(0)
    await expectExact(await takeTurn(clients[0], AGGREGATIONS[name]()))
  })

  it.each(NAMES)('%s: one that stands still in its turn loses it, and comes back to no effect', async (name) => {
    const real = AGGREGATIONS[name]()
    const inTurn = Promise.withResolvers<void>()
    const stalls: Aggregation = {
      ...real,
      stalledAfterMs: 100,
      async run(client) {
        inTurn.resolve()
        const rows = await real.run(client)
        await sleep(600)
        return rows
      },
    }
    const orders = randomOrders(300, 17, Date.now())
    await send(orders.slice(0, 100))
    const stalled = await connect()
    const comesBack = takeTurn(stalled, stalls)
    const failure = comesBack.then(() => 'committed', () => 'failed')
    await inTurn.promise
    await send(orders.slice(100))
    let turn: Awaited<ReturnType<typeof takeTurn>>
    while ((turn ??= await takeTurn(clients[0], real)) === undefined) await sleep(20)
    await expectExact(turn)
    expect(await failure).toBe('failed')
    await stalled.end().catch(() => {})
    expect((await takeTurn(clients[0], real))!.dashboard.count).toBe(300)
  })
})
