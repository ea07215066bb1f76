/**
 * One worker of v2 draining a backlog into PostgreSQL (default knobs: synchronous_commit on, primary key, totals kept),
 * beside a COPY of the same rows into a table of the same form. Alternating rounds.
 * `npm run bench:drain -- [events] [rounds]`
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { orderBody } from '../src/load/customers.ts'
import { orderIdWriter, parseOrderId } from '../src/load/order-id.ts'
import type { System } from '../src/runtime/runtime.ts'
import { encodeOrder, FIELD, RECORD_BYTES } from '../src/system/architectures/v2-redis-streams/codec.ts'
import { STREAM } from '../src/system/architectures/v2-redis-streams/redis.ts'
import { median, row, stack, thousands } from './stack.ts'

const [events = 1_000_000, rounds = 3] = process.argv.slice(2).map(Number)
const PIPELINE = 1_000
/** Knobs to try other than the defaults: LAB_BATCH=… npm run bench:drain */
const knobs = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('LAB_'))) as Record<string, string>

function order(sequence: number) {
  const id = orderIdWriter(1, 0)(Date.UTC(2026, 10, 1) + Math.floor(sequence / 20), sequence)
  return orderBody(1, id, parseOrderId(id)!)
}

async function fillStream(redis: Redis): Promise<void> {
  for (let at = 0; at < events; at += PIPELINE) {
    const pipeline = redis.pipeline()
    for (let sequence = at; sequence < Math.min(events, at + PIPELINE); sequence++) {
      const record = Buffer.alloc(RECORD_BYTES)
      encodeOrder(order(sequence), record, 0)
      pipeline.xadd(STREAM, '*', FIELD, record)
    }
    await pipeline.exec()
  }
}

async function drain(system: System, redis: Redis, client: pg.Client): Promise<{ perSecond: number; workerCpu: number; postgresCpu: number; redisCpu: number }> {
  const worker = system.services.find((service) => service.service === 'worker')!
  await worker.stop()
  await fillStream(redis)
  const cpu = async () => new Map((await system.usage()).map((usage) => [usage.service, usage.cpuSeconds]))
  await worker.start()
  // Counted from the first commit on, so that the start of a process is no part of it.
  const stored = async () => Number((await client.query<{ n: string }>("SELECT coalesce(sum(count), 0)::float8 AS n FROM totals WHERE dimension = 'all'")).rows[0]!.n)
  let first = 0
  while ((first = await stored()) === 0) await sleep(1)
  const startMs = performance.now()
  const before = await cpu()
  while ((await redis.xlen(STREAM)) > 0) await sleep(20)
  const seconds = (performance.now() - startMs) / 1_000
  const after = await cpu()
  if ((await stored()) !== events) throw new Error(`stored ${await stored()} of ${events}`)
  const share = (name: string) => (after.get(name)! - before.get(name)!) / seconds
  return { perSecond: (events - first) / seconds, workerCpu: share('worker'), postgresCpu: share('postgres'), redisCpu: share('redis') }
}

async function copySame(client: pg.Client): Promise<number> {
  await client.query('CREATE TABLE copied (LIKE orders INCLUDING ALL)')
  const startMs = performance.now()
  const stream = client.query(copyFrom('COPY copied (id, timestamp_ms, amount_cents, type, store, product) FROM STDIN'))
  for (let at = 0; at < events; at += PIPELINE) {
    let text = ''
    for (let sequence = at; sequence < Math.min(events, at + PIPELINE); sequence++) {
      const { id, timestampMs, amountCents } = order(sequence)
      text += `${id}\t${timestampMs}\t${amountCents}\t0\t${sequence % 50}\t${sequence % 20}\n`
    }
    if (!stream.write(text)) await once(stream, 'drain')
  }
  stream.end()
  await once(stream, 'finish')
  return events / ((performance.now() - startMs) / 1_000)
}

const drained: number[] = []
const copied: number[] = []
row('round', 'drain, events/s', 'worker CPU', 'PostgreSQL CPU', 'Redis CPU', 'COPY of the same rows, rows/s', 'drain ÷ COPY')
row('---', '---:', '---:', '---:', '---:', '---:', '---:')
for (let round = 1; round <= rounds; round++) {
  await using system = await stack('v2', knobs)
  const redis = new Redis({ host: system.env['REDIS_HOST'], port: Number(system.env['REDIS_PORT']) })
  const client = new pg.Client({ host: system.env['POSTGRES_HOST'], port: Number(system.env['POSTGRES_PORT']), user: 'lab', password: 'lab', database: 'lab' })
  await client.connect()
  const { perSecond, workerCpu, postgresCpu, redisCpu } = await drain(system, redis, client)
  const copy = await copySame(client)
  drained.push(perSecond)
  copied.push(copy)
  row(String(round), thousands(perSecond), workerCpu.toFixed(2), postgresCpu.toFixed(2), redisCpu.toFixed(2), thousands(copy), (perSecond / copy).toFixed(2))
  await client.end()
  redis.disconnect()
}
row('**median**', thousands(median(drained)), '', '', '', thousands(median(copied)), (median(drained) / median(copied)).toFixed(2))
