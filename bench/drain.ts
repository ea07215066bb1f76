/**
 * One worker of v2 draining a backlog into PostgreSQL (default knobs: synchronous_commit on, primary key, totals kept),
 * beside a COPY of the same rows into a table of the same form. Alternating rounds. The backlog is written by the API's own publisher,
 * here in a closed loop of single orders; how many share a stream entry is part of the result. Without HTTP between them they move in
 * step, and an entry holds all that are in flight. The default is what an entry held in the saturated API (20.8 with 64 connections).
 * `npm run bench:drain -- [events] [rounds] [orders in flight]`
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { orderBody } from '../src/load/customers.ts'
import { orderIdWriter, parseOrderId } from '../src/load/order-id.ts'
import type { System } from '../src/runtime/runtime.ts'
import { createPublisher } from '../src/system/architectures/v2-redis-streams/publisher.ts'
import { EVENTS, STREAM } from '../src/system/architectures/v2-redis-streams/names.ts'
import { createContext } from '../src/system/context.ts'
import { forgetMetrics } from '../src/system/metrics.ts'
import { median, row, stack, thousands } from './stack.ts'

const [events = 1_000_000, rounds = 3, inFlight = 20] = process.argv.slice(2).map(Number)
const CHUNK = 1_000
/** Knobs to try other than the defaults: LAB_BATCH=… npm run bench:drain */
const knobs = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('LAB_'))) as Record<string, string>

function order(sequence: number) {
  const id = orderIdWriter(1, 0)(Date.UTC(2026, 10, 1) + Math.floor(sequence / 20), sequence)
  return orderBody(1, id, parseOrderId(id)!)
}

/** Returns events per stream entry. */
async function fillStream(system: System, redis: Redis): Promise<number> {
  // Its figures have a process-wide place, once.
  forgetMetrics()
  const stop = new AbortController()
  await using publisher = createPublisher(createContext({ env: system.env, knobs: {}, signal: stop.signal }), 2 * events)
  while (!publisher.ready().ok) await sleep(5)
  let sequence = 0
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (sequence < events) await publisher.publish([order(sequence++)])
  }))
  if (Number(await redis.get(EVENTS)) !== events) throw new Error(`the stream holds ${await redis.get(EVENTS)} of ${events} events`)
  return events / (await redis.xlen(STREAM))
}

interface Drained {
  perEntry: number
  perSecond: number
  workerCpu: number
  postgresCpu: number
  redisCpu: number
}

async function drain(system: System, redis: Redis, client: pg.Client): Promise<Drained> {
  const worker = system.services.find((service) => service.service === 'worker')!
  await worker.stop()
  const perEntry = await fillStream(system, redis)
  const cpu = async () => new Map((await system.usage()).map((usage) => [usage.service, usage.cpuSeconds]))
  await worker.start()
  // Counted from the first commit on, so that the start of a process is no part of it.
  const stored = async () => Number((await client.query<{ n: string }>("SELECT coalesce(sum(count), 0)::float8 AS n FROM totals WHERE dimension = 'all'")).rows[0]!.n)
  let first = await stored()
  for (; first === 0; first = await stored()) await sleep(1)
  const startMs = performance.now()
  const before = await cpu()
  while ((await redis.xlen(STREAM)) > 0) await sleep(20)
  const seconds = (performance.now() - startMs) / 1_000
  const after = await cpu()
  if ((await stored()) !== events) throw new Error(`stored ${await stored()} of ${events}`)
  const share = (name: string) => (after.get(name)! - before.get(name)!) / seconds
  return { perEntry, perSecond: (events - first) / seconds, workerCpu: share('worker'), postgresCpu: share('postgres'), redisCpu: share('redis') }
}

async function copySame(client: pg.Client): Promise<number> {
  await client.query('CREATE TABLE copied (LIKE orders INCLUDING ALL)')
  const startMs = performance.now()
  const stream = client.query(copyFrom('COPY copied (id, timestamp_ms, amount_cents, type, store, product) FROM STDIN'))
  for (let at = 0; at < events; at += CHUNK) {
    let text = ''
    for (let sequence = at; sequence < Math.min(events, at + CHUNK); sequence++) {
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
row('round', 'events per stream entry', 'drain, events/s', 'worker CPU', 'PostgreSQL CPU', 'Redis CPU', 'COPY of the same rows, rows/s', 'drain ÷ COPY')
row('---', '---:', '---:', '---:', '---:', '---:', '---:', '---:')
for (let round = 1; round <= rounds; round++) {
  await using system = await stack('v2', knobs)
  const redis = new Redis({ host: system.env['REDIS_HOST'], port: Number(system.env['REDIS_PORT']) })
  const client = new pg.Client({ host: system.env['POSTGRES_HOST'], port: Number(system.env['POSTGRES_PORT']), user: 'lab', password: 'lab', database: 'lab' })
  await client.connect()
  const { perEntry, perSecond, workerCpu, postgresCpu, redisCpu } = await drain(system, redis, client)
  const copy = await copySame(client)
  drained.push(perSecond)
  copied.push(copy)
  row(String(round), perEntry.toFixed(1), thousands(perSecond), workerCpu.toFixed(2), postgresCpu.toFixed(2), redisCpu.toFixed(2), thousands(copy), (perSecond / copy).toFixed(2))
  await client.end()
  redis.disconnect()
}
row('**median**', '', thousands(median(drained)), '', '', '', thousands(median(copied)), (median(drained) / median(copied)).toFixed(2))
