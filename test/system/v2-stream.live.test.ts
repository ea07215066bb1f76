import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FIELD, type Entry } from '../../src/system/architectures/v2-redis-streams/codec.ts'
import { DEAD_STREAM, EVENTS, GROUP, STREAM } from '../../src/system/architectures/v2-redis-streams/names.ts'
import { createOrderStream } from '../../src/system/architectures/v2-redis-streams/stream.ts'
import type { Order } from '../../src/system/event.ts'
import { encodeOrder, RECORD_BYTES } from '../../src/system/record.ts'
import { post, until } from './client.ts'
import { expectedDashboard, randomOrders, wire, withoutMoment } from './orders.ts'
import { drained, startStack, storedOrders, type Stack } from './stack.ts'

const MAXLEN = 1_000

function packed(orders: readonly Order[]): Buffer {
  const records = Buffer.alloc(orders.length * RECORD_BYTES)
  for (const [i, order] of orders.entries()) encodeOrder(order, records, i * RECORD_BYTES)
  return records
}

describe('the stream of v2', () => {
  let stack: Stack
  let redis: Redis
  let client: pg.Client
  const worker = () => stack.system.services.find((it) => it.service === 'worker')!
  const send = async (orders: readonly Order[]) => (await post(`${stack.url}/api/v2/orders`, JSON.stringify(orders.map(wire)))).status

  beforeAll(async () => {
    stack = await startStack('v2', { knobs: { maxlen: String(MAXLEN), batch: '100' } })
    redis = new Redis({ host: stack.system.env['REDIS_HOST']!, port: Number(stack.system.env['REDIS_PORT']) })
    client = new pg.Client({ host: stack.system.env['POSTGRES_HOST']!, port: Number(stack.system.env['POSTGRES_PORT']), user: 'lab', password: 'lab', database: 'lab' })
    await client.connect()
    await worker().stop()
  })
  afterAll(async () => {
    redis.disconnect()
    await client.end()
    await stack[Symbol.asyncDispose]()
  })

  it('packs what comes together, counts events, and refuses the one too many whole', async () => {
    const [lone, ...rest] = randomOrders(MAXLEN, 21, Date.now()) as [Order, ...Order[]]
    expect(await send([lone])).toBe(202)
    expect(await redis.xlen(STREAM)).toBe(1)
    expect(await send(rest.slice(0, 600))).toBe(202)
    expect([await redis.xlen(STREAM), await stack.judge.backlog()]).toEqual([1 + 3, 601])
    expect(await send(randomOrders(400, 22, Date.now()))).toBe(503)
    expect([await redis.xlen(STREAM), await stack.judge.backlog()]).toEqual([4, 601])
    await until('it is asked again', async () => (await send(rest.slice(600))) === 202)
    expect(await stack.judge.backlog()).toBe(MAXLEN)
    expect(await send(randomOrders(1, 23, Date.now()))).toBe(503)
    await worker().start()
    expect((await drained(stack.judge)).count).toBe(MAXLEN)
    expect(await redis.exists(EVENTS)).toBe(0)
  })

  it('buries what cannot be stored, once, with its reason, and stores its neighbours', async () => {
    await worker().stop()
    const orders = randomOrders(6, 24, Date.now())
    const refused = orders[4]!
    await client.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one' USING ERRCODE = '23514'; END $$;
      CREATE TRIGGER refusal BEFORE INSERT ON orders FOR EACH ROW WHEN (NEW.id = '${refused.id}') EXECUTE FUNCTION refuse();`)
    const records = packed(orders)
    records[2 * RECORD_BYTES + 27] = 255
    const stream = createOrderStream(redis)
    await stream.append(records, MAXLEN)
    await redis.xadd(STREAM, '*', FIELD, records.subarray(1))
    await redis.xadd(STREAM, '*', 'more', 'fields', 'than', 'one')
    await worker().start()
    await drained(stack.judge)
    const stored = await storedOrders(stack.judge)
    expect(orders.map((it) => stored.some((row) => row.id === it.id))).toEqual([true, true, false, true, false, true])
    expect(withoutMoment(await stack.judge.dashboard())).toEqual(expectedDashboard(stored))
    const dead = (await redis.xrangeBuffer(DEAD_STREAM, '-', '+')).map(([, fields]) => [fields[1]!.toString('hex'), String(fields[5])])
    const spoilt = records.subarray(2 * RECORD_BYTES, 3 * RECORD_BYTES).toString('hex')
    expect(dead.toSorted()).toEqual([
      ['', '0 bytes where every record has 29'],
      [records.subarray(1).toString('hex'), `${records.length - 1} bytes where every record has 29`],
      [packed([refused]).toString('hex'), 'not this one'],
      [spoilt, 'a position outside its vocabulary'],
    ].toSorted())
    expect([await redis.xlen(STREAM), await redis.exists(EVENTS)]).toEqual([0, 0])
  })

  it('takes an entry off the count once, whoever acknowledges it, and heals a count that is wrong', async () => {
    await worker().stop()
    const stream = createOrderStream(redis)
    const orders = randomOrders(30, 25, Date.now())
    await stream.append(packed(orders.slice(0, 10)), MAXLEN)
    await stream.append(packed(orders.slice(10)), MAXLEN)
    const [first, second] = (await redis.xrangeBuffer(STREAM, '-', '+')).map(([id, fields]): Entry => ({ entryId: String(id), records: fields[1]! })) as [Entry, Entry]
    await Promise.all([stream.acknowledge([first], []), stream.acknowledge([first], []), stream.acknowledge([first], [{ entry: first, record: first.records, reason: 'late' }])])
    expect(await stream.backlog()).toBe(20)
    await stream.acknowledge([second], [])
    expect([await stream.backlog(), await redis.exists(EVENTS)]).toEqual([0, 0])

    await stream.append(packed(orders), MAXLEN)
    await redis.del(EVENTS)
    expect(await stream.backlog(), 'never less than the entries').toBe(1)
    await redis.set(EVENTS, 900)
    await redis.del(STREAM)
    expect(await stream.backlog(), 'nothing in an empty stream').toBe(0)
    expect(await stream.append(packed(randomOrders(MAXLEN, 26, Date.now())), MAXLEN)).toBe(true)
    expect(await stream.append(packed([orders[0]!]), MAXLEN)).toBe(false)
    await redis.flushall()
    expect(await stream.backlog()).toBe(0)
    await redis.xgroup('CREATE', STREAM, GROUP, '0', 'MKSTREAM')
    expect(await send(orders)).toBe(202)
    expect(await stack.judge.backlog()).toBe(30)
  })
})
