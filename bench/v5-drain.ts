/**
 * The consumers of v5 draining a backlog from Kafka into ClickHouse: read, duplicates left out, cut, inserted, counted by the view, committed, and
 * shown in the speed layer. The backlog holds records as the API writes them, an event a record. A fresh system for each round.
 * `npm run bench:v5-drain -- [events] [rounds] [knob=value …]`
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { orderBody } from '../src/load/customers.ts'
import { orderIdWriter, parseOrderId } from '../src/load/order-id.ts'
import type { System } from '../src/runtime/runtime.ts'
import { createJudge } from '../src/system/architectures/v5-kafka-clickhouse/judge.ts'
import { knobs as schema, type V5Knobs } from '../src/system/architectures/v5-kafka-clickhouse/knobs.ts'
import { ORDERS_TOPIC } from '../src/system/architectures/v5-kafka-clickhouse/names.ts'
import { connectClickhouse } from '../src/system/clickhouse/connect.ts'
import { createContext, type Context } from '../src/system/context.ts'
import { connectKafka } from '../src/system/kafka/connect.ts'
import { partitionOfId } from '../src/system/kafka/partition.ts'
import { RECORD_BYTES, encodeOrder } from '../src/system/record.ts'
import { median, row, stack, thousands } from './stack.ts'

const [events = 5_000_000, rounds = 1] = process.argv.slice(2, 4).map(Number)
const set = process.argv.slice(4)
const TOGETHER = 20_000
const SERVICES = ['consumer', 'clickhouse', 'kafka', 'redis'] as const

function order(sequence: number) {
  const id = orderIdWriter(1, 0)(Date.UTC(2026, 10, 1) + Math.floor(sequence / 20), sequence)
  return orderBody(1, id, parseOrderId(id)!)
}

async function fill(context: Context<V5Knobs>): Promise<void> {
  const { partitions } = context.knobs
  const producer = connectKafka(context, 'bench').producer({ idempotent: true, maxInFlightRequests: 4 })
  await producer.connect()
  for (let at = 0; at < events; at += TOGETHER) {
    const count = Math.min(TOGETHER, events - at)
    const records = Buffer.allocUnsafe(count * RECORD_BYTES)
    const messages = Array.from({ length: count }, (_, i) => {
      const it = order(at + i)
      encodeOrder(it, records, i * RECORD_BYTES)
      return { partition: partitionOfId(it.id, partitions), value: records.subarray(i * RECORD_BYTES, (i + 1) * RECORD_BYTES) }
    })
    await producer.send({ topic: ORDERS_TOPIC, acks: -1, messages })
  }
  await producer.disconnect()
}

interface Drained {
  perSecond: number
  /** In cores. */
  cpu: Record<(typeof SERVICES)[number], number>
  inserts: number
}

async function drain(system: System, context: Context<V5Knobs>): Promise<Drained> {
  const consumers = system.services.filter((it) => it.service === 'consumer')
  await Promise.all(consumers.map((it) => it.stop()))
  await fill(context)
  await using judge = await createJudge(context)
  const cpu = async () => {
    const used = new Map<string, number>()
    for (const { service, cpuSeconds } of await system.usage()) used.set(service, (used.get(service) ?? 0) + cpuSeconds)
    return used
  }
  await Promise.all(consumers.map((it) => it.start()))
  // Counted from the first insert on, so that the start of a process and of the group is no part of it.
  let first = await judge.stored()
  for (; first === 0; first = await judge.stored()) await sleep(1)
  const startMs = performance.now()
  const before = await cpu()
  while ((await judge.stored()) < events) await sleep(20)
  const seconds = (performance.now() - startMs) / 1_000
  const after = await cpu()
  while ((await judge.backlog()) > 0) await sleep(20)
  await using clickhouse = connectClickhouse(context, 'bench')
  const [[rows, ids, parts]] = await clickhouse.rows<[number, number, number]>(
    "SELECT count(), uniqExact(id), uniqExact(partition, upto) FROM orders") as [[number, number, number]]
  const { count } = await judge.dashboard()
  if (rows !== events || ids !== events || count !== events) throw new Error(`${rows} rows, ${ids} ids, ${count} shown of ${events}`)
  const share = (name: string) => (after.get(name)! - before.get(name)!) / seconds
  return {
    perSecond: (events - first) / seconds, inserts: parts,
    cpu: { consumer: share('consumer'), clickhouse: share('clickhouse'), kafka: share('kafka'), redis: share('redis') },
  }
}

const all: number[] = []
row('round', 'orders/s into ClickHouse', 'inserts', ...SERVICES.map((it) => `${it}, cores`))
row('---', '---:', '---:', ...SERVICES.map(() => '---:'))
for (let round = 1; round <= rounds; round++) {
  await using system = await stack('v5', {}, set)
  const chosen = Object.fromEntries(set.map((it) => it.split('='))) as Record<string, string>
  const knobs = schema.parse(Object.fromEntries(Object.entries(chosen).map(([name, value]) => [name, /^\d+$/.test(value) ? Number(value) : value])))
  const drained = await drain(system, createContext({ env: system.env, knobs, signal: new AbortController().signal }))
  all.push(drained.perSecond)
  row(String(round), thousands(drained.perSecond), String(drained.inserts), ...SERVICES.map((it) => drained.cpu[it].toFixed(2)))
}
row('**median**', thousands(median(all)), '', ...SERVICES.map(() => ''))
