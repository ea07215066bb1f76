import { connect, type ChannelModel, type ConfirmChannel } from 'amqplib'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { DeadLetters } from '../../src/system/architecture.ts'
import { openDeadLetters } from '../../src/system/architectures/v4-rabbitmq-tenants/dead-letters.ts'
import { readMessage, toMessage } from '../../src/system/architectures/v4-rabbitmq-tenants/ingest/message.ts'
import { shardOf } from '../../src/system/architectures/v4-rabbitmq-tenants/ingest/shard.ts'
import { BROKER_ACCOUNT, idempotencyKey, shardQueue } from '../../src/system/architectures/v4-rabbitmq-tenants/names.ts'
import { createContext } from '../../src/system/context.ts'
import type { Order } from '../../src/system/event.ts'
import { publishConfirmed } from '../../src/system/rabbitmq/confirm.ts'
import { RECORD_BYTES } from '../../src/system/record.ts'
import { until } from './client.ts'
import { expectedDashboard, randomOrders, withoutMoment } from './orders.ts'
import { drained, startStack, storedOrders, type Stack } from './stack.ts'

const SHARDS = 3
/** One of each shard, and one more. */
const WORKSPACES = [1, 2, 3, 4, 5, 6, 7, 8]

/** Sends as the API does, in anybody's name. */
interface Sending {
  send(orders: readonly Order[], workspace: number, key?: string): Promise<void>
  raw(content: Buffer, headers: Record<string, unknown>, workspace: number): Promise<void>
}

function sendingOn(channel: () => ConfirmChannel): Sending {
  const raw: Sending['raw'] = (content, headers, workspace) => publishConfirmed(channel(), shardQueue(shardOf(workspace, SHARDS)), content, { headers })
  return {
    raw,
    send(orders, workspace, key) {
      const { headers, content } = toMessage(orders, { workspace, project: 1 }, key)
      return raw(content, headers, workspace)
    },
  }
}

describe('two workers of v4, three shards', () => {
  let stack: Stack
  let model: ChannelModel
  let channel: ConfirmChannel
  let redis: Redis
  let client: pg.Client
  let letters: DeadLetters
  const { send, raw } = sendingOn(() => channel)
  const workers = () => stack.system.services.filter((it) => it.service === 'worker')
  const service = (name: string) => stack.system.services.find((it) => it.service === name)!

  async function connected(): Promise<void> {
    model = await connect({ hostname: '127.0.0.1', port: Number(stack.system.env['RABBITMQ_PORT']), ...BROKER_ACCOUNT })
    model.on('error', () => {})
    channel = await model.createConfirmChannel()
    channel.on('error', () => {})
  }

  async function openClient(): Promise<void> {
    client = new pg.Client({ host: '127.0.0.1', port: Number(stack.system.env['POSTGRES_PORT']), user: 'lab', password: 'lab', database: 'lab' })
    client.on('error', () => {})
    await client.connect()
  }

  /** What is stored of a workspace, as it was stored. */
  async function idsOf(workspace: number): Promise<string[]> {
    const { rows } = await client.query<{ id: string }>('SELECT id FROM orders WHERE workspace_id = $1 ORDER BY xid, persisted_at', [workspace])
    return rows.map((it) => it.id)
  }

  async function refuse(id: string): Promise<() => Promise<unknown>> {
    await client.query(`
      CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one' USING ERRCODE = '23514'; END $$;
      CREATE TRIGGER refusal BEFORE INSERT ON orders FOR EACH ROW WHEN (NEW.id = '${id}') EXECUTE FUNCTION refuse()`)
    return () => client.query('DROP TRIGGER refusal ON orders')
  }

  async function expectExact(): Promise<void> {
    const shown = await drained(stack.judge)
    expect(withoutMoment(shown)).toEqual(expectedDashboard(await storedOrders(stack.judge)))
  }

  beforeAll(async () => {
    // Fewer messages than a batch holds: it must not wait for what cannot come.
    stack = await startStack('v4', { knobs: { shards: String(SHARDS), workers: '2', batch: '50', prefetch: '20' } })
    await connected()
    redis = new Redis({ host: '127.0.0.1', port: Number(stack.system.env['REDIS_PORT']) })
    redis.on('error', () => {})
    await openClient()
    letters = await openDeadLetters(createContext({ env: stack.system.env, knobs: { shards: SHARDS }, signal: new AbortController().signal }))
  })
  afterAll(async () => {
    await letters[Symbol.asyncDispose]()
    await model.close().catch(() => {})
    redis.disconnect()
    await client.end().catch(() => {})
    await stack[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    await letters.purge(undefined)
  })

  it('share the shards, and store what one workspace sends in its order, also when one of them is killed', async () => {
    const sent = new Map<number, string[]>()
    let halfway = (): void => {}
    const reached = new Promise<void>((resolve) => { halfway = resolve })
    const sending = Promise.all(WORKSPACES.map(async (workspace) => {
      const orders = randomOrders(300, 100 + workspace, Date.now())
      sent.set(workspace, orders.map((it) => it.id))
      for (const [i, order] of orders.entries()) {
        await send([order], workspace)
        if (i === 150) halfway()
      }
    }))
    await reached
    await workers()[0]!.kill()
    await sending
    await workers()[0]!.start()
    await expectExact()
    for (const workspace of WORKSPACES) {
      const stored = await idsOf(workspace)
      expect(stored.toSorted()).toEqual(sent.get(workspace)!.toSorted())
      const place = new Map(sent.get(workspace)!.map((id, i) => [id, i]))
      // Of one statement all rows have the same transaction: its order is that of the key.
      const { rows } = await client.query<{ ids: string[] }>('SELECT array_agg(id::text) AS ids FROM orders WHERE workspace_id = $1 GROUP BY xid ORDER BY xid', [workspace])
      const spans = rows.map(({ ids }) => ids.map((id) => place.get(id)!).toSorted((a, b) => a - b))
      expect(spans.flat(), `workspace ${workspace}`).toEqual(stored.map((_, i) => i))
    }
    await until('both work', async () => {
      await Promise.all(WORKSPACES.map((workspace) => send(randomOrders(1, Math.random() * 1e9, Date.now()), workspace)))
      const counts = await Promise.all(workers().map(async (it) => storedBy(it.metricsUrl!)))
      return counts.every((it) => it > 0)
    }, 20_000)
  }, 60_000)

  it('store an order of 1,000 events in several transactions, once, though it is sent thrice', async () => {
    const orders = randomOrders(1_000, 7, Date.now())
    for (let i = 0; i < 3; i++) await send(orders, 9)
    await expectExact()
    expect((await idsOf(9)).toSorted()).toEqual(orders.map((it) => it.id).toSorted())
    const { rows } = await client.query<{ count: string }>('SELECT count(DISTINCT xid) FROM orders WHERE workspace_id = 9')
    expect(Number(rows[0]!.count)).toBeGreaterThanOrEqual(20)
  })

  it('keep the first payload of an id, whoever remembers it, and put the other aside', async () => {
    const [first] = randomOrders(1, 11, Date.now()) as [Order]
    const other = { ...first, product: first.product === 'latte' ? 'mocha' : 'latte' }
    await send([first], 1)
    await drained(stack.judge)
    await send([other, first, first], 1)
    await drained(stack.judge)
    await redis.flushall()
    await send([other], 1)
    // The same id in another workspace is another event.
    await send([other], 2)
    await expectExact()
    const stored = (await storedOrders(stack.judge)).filter((it) => it.id === first.id).map((it) => [it.owner, it.product])
    expect(stored.toSorted()).toEqual([['1', first.product], ['2', other.product]])
    expect(await letters.list(10)).toMatchObject([{ owner: '1', reason: 'the same key came with another payload', attempts: 1, content: other }])
  })

  it('keep the first event of an idempotency key, by workspace', async () => {
    const [a, b, c, d] = randomOrders(4, 12, Date.now()) as [Order, Order, Order, Order]
    await send([a], 1, 'invoice-7')
    await drained(stack.judge)
    await send([a], 1, 'invoice-7')
    await send([b], 1, 'invoice-7')
    await send([b], 2, 'invoice-7')
    await drained(stack.judge)
    await redis.flushall()
    await send([c], 1, 'invoice-7')
    // A key may look like the id of another event.
    await send([d], 1, c.id)
    await expectExact()
    const stored = new Set((await storedOrders(stack.judge)).map((it) => `${it.owner} ${it.id}`))
    expect([a, b, c, d].map(({ id }) => [stored.has(`1 ${id}`), stored.has(`2 ${id}`)])).toEqual([[true, false], [false, true], [false, false], [true, false]])
    expect((await letters.list(10)).map((it) => it.content)).toEqual([b, c])
  })

  it('store a claimed event whose first insert failed', async () => {
    const [order] = randomOrders(1, 13, Date.now()) as [Order]
    const { headers, content } = toMessage([order], { workspace: 1, project: 1 }, undefined)
    const { fingerprint } = readMessage(headers, content).events[0]!
    await redis.set(idempotencyKey(1, `id:${order.id}`), `claimed:${fingerprint}`)
    await send([order], 1)
    await expectExact()
    expect(await idsOf(1)).toContain(order.id)
    expect(await letters.list(10)).toEqual([])
    await until('it is remembered', async () => (await redis.get(idempotencyKey(1, `id:${order.id}`))) === `stored:${fingerprint}`)
  })

  it('put aside what cannot be stored, once, and store its neighbours; sent again it is stored', async () => {
    const orders = randomOrders(60, 14, Date.now())
    const [culprit, lone] = [orders[30]!, orders[59]!]
    const mend = await refuse(culprit.id)
    await send(orders.slice(0, 59), 3)
    await send([culprit], 3)
    await send([lone], 3, 'lone')
    const spoilt = toMessage(randomOrders(2, 15, Date.now()), { workspace: 3, project: 1 }, undefined)
    spoilt.content[RECORD_BYTES - 1] = 255
    await raw(spoilt.content, spoilt.headers, 3)
    await raw(Buffer.from('no records'), { w: 3, p: 1 }, 3)
    await raw(spoilt.content, { x: 'nobody’s' }, 3)
    await expectExact()
    const stored = new Set(await idsOf(3))
    expect(orders.filter((it) => !stored.has(it.id))).toEqual([culprit])
    const dead = await letters.list(10)
    expect(dead.map((it) => [it.owner, it.reason, it.attempts])).toEqual([
      ['3', 'the database refuses it: not this one', 3],
      ['3', 'a position outside its vocabulary', 1],
      ['3', '10 bytes where every record has 29, and there are 1 to 1000', 1],
      ['0', 'its headers do not say whose it is', 1],
    ])
    expect(dead[0]!.content).toEqual(culprit)
    expect(await letters.count()).toBe(4)

    expect(await letters.replay([dead[0]!.id, 'nobody']), 'refused as ever').toBe(1)
    await drained(stack.judge)
    await until('it is put aside again', async () => (await letters.count()) === 4)
    await mend()
    expect(await letters.replay([dead[0]!.id])).toBe(1)
    await expectExact()
    expect(await idsOf(3)).toContain(culprit.id)
    expect((await letters.list(10)).map((it) => it.id)).toEqual(dead.slice(1).map((it) => it.id))
    expect(await letters.purge([dead[1]!.id])).toBe(1)
    expect(await letters.count()).toBe(2)
  })

  it('wait for PostgreSQL and put nothing aside; without Redis they go on', async () => {
    const orders = randomOrders(400, 16, Date.now())
    await send(orders.slice(0, 100), 4)
    await service('postgres').kill()
    await Promise.all(orders.slice(100, 200).map((it) => send([it], 4)))
    expect(await stack.judge.backlog()).toBeGreaterThan(0)
    await new Promise((resolve) => setTimeout(resolve, 5_000))
    await service('postgres').start()
    await client.end().catch(() => {})
    await openClient()
    await drained(stack.judge)
    await service('redis').kill()
    await Promise.all(orders.slice(200).map((it, i) => send([it], 4, `key-${i}`)))
    await until('all is stored', async () => orders.every(((ids) => ({ id }: Order) => ids.has(id))(new Set(await idsOf(4)))))
    expect(await letters.list(10)).toEqual([])
    await service('redis').start()
    await expectExact()
    expect(await letters.list(10)).toEqual([])
  }, 60_000)

  it('deliver again what they held when RabbitMQ was killed', async () => {
    const orders = randomOrders(600, 17, Date.now())
    await Promise.all(orders.map((it, i) => send([it], WORKSPACES[i % WORKSPACES.length]!)))
    await service('rabbitmq').kill()
    await service('rabbitmq').start()
    await connected()
    await until('the judge is back', () => stack.judge.backlog().then(() => true, () => false))
    await expectExact()
    const stored = new Set((await storedOrders(stack.judge)).map((it) => it.id))
    expect(orders.filter((it) => !stored.has(it.id))).toEqual([])
    expect(await letters.list(10)).toEqual([])
  }, 60_000)
})

async function storedBy(url: string): Promise<number> {
  const text = await (await fetch(url)).text()
  return Number(/^lab_events_stored_total (\d+)/m.exec(text)?.[1] ?? 0)
}

it('puts an event aside once to look at, when it is killed before it has noted that it did', async () => {
  const knobs = { shards: String(SHARDS), queue: 'classic', idempotency: 'db' }
  await using stack = await startStack('v4', { knobs, env: (folder) => ({ LAB_FAILPOINT: 'worker:after-dead-letter', LAB_FAILPOINT_ONCE: `${folder}/fired` }) })
  const model = await connect({ hostname: '127.0.0.1', port: Number(stack.system.env['RABBITMQ_PORT']), ...BROKER_ACCOUNT })
  const channel = await model.createConfirmChannel()
  const { send } = sendingOn(() => channel)
  const [first] = randomOrders(1, 31, Date.now()) as [Order]
  const changed = { ...first, store: first.store === 'store-01' ? 'store-02' : 'store-01' }
  await send([first, changed, ...randomOrders(30, 32, Date.now())], 5)
  await until('it was killed there', () => stack.events.some((it) => it.type === 'service-exited' && it.signal === 'SIGKILL'))
  expect((await drained(stack.judge)).count).toBe(31)
  await using letters = await openDeadLetters(createContext({ env: stack.system.env, knobs: { shards: SHARDS }, signal: new AbortController().signal }))
  const { messageCount } = await channel.checkQueue('orders.dead')
  expect(messageCount, 'copies').toBe(2)
  expect(await letters.list(10)).toMatchObject([{ owner: '5', content: changed }])
  expect(await letters.replay(undefined)).toBe(1)
  await drained(stack.judge)
  expect(await letters.list(10)).toHaveLength(1)
  expect(await letters.purge(undefined)).toBe(1)
  expect((await channel.checkQueue('orders.dead')).messageCount).toBe(0)
  await model.close()
})
