/**
 * The real job of v3 draining a backlog: from Kafka through Flink into PostgreSQL, with totals, on default knobs unless told otherwise. The backlog is
 * written while no job runs; then the service `job` is started, and submits it. Counted from the first row stored to the last row stored and the
 * last event in the dashboard, so that planning and starting the job is no part of it (it is told beside). The steady figures are those of the
 * last two thirds: in the first one Java still compiles what the others run. Each round in a fresh system.
 * `npm run bench:flink-drain -- [events] [rounds] [knob=value …]`
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import pg from 'pg'
import { orderBody } from '../src/load/customers.ts'
import { orderIdWriter, parseOrderId } from '../src/load/order-id.ts'
import type { System } from '../src/runtime/runtime.ts'
import { encodeOrder } from '../src/system/architectures/v3-kafka-flink/encode.ts'
import { ORDERS_TOPIC } from '../src/system/architectures/v3-kafka-flink/names.ts'
import { createContext } from '../src/system/context.ts'
import { ACCOUNT } from '../src/system/postgres/connect.ts'
import { median, row, stack, thousands } from './stack.ts'

const [events = 1_000_000, rounds = 3] = process.argv.slice(2, 4).map(Number)
const set = process.argv.slice(4)
const PARTITIONS = Number(set.find((one) => one.startsWith('partitions='))?.split('=')[1] ?? 4)
const CHUNK = 2_000
const GIVE_UP_MS = Math.max(30_000, events / 2)
const SERVICES = ['taskmanager', 'postgres', 'kafka', 'jobmanager', 'projector'] as const

/** Ids of the last seconds, 2,000 a second and spread over the partitions, as the API would have written them. */
async function fill(system: System): Promise<void> {
  const kafka = new Kafka({ brokers: [`${system.env['KAFKA_HOST']}:${system.env['KAFKA_PORT']}`], logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ idempotent: true })
  await producer.connect()
  const write = orderIdWriter(1, 0)
  const fromMs = Date.now() - events / 2
  for (let at = 0; at < events; at += CHUNK) {
    const messages = Array.from({ length: Math.min(CHUNK, events - at) }, (_, index) => {
      const id = write(Math.floor(fromMs + (at + index) / 2), at + index)
      return { value: encodeOrder(orderBody(1, id, parseOrderId(id)!)), partition: Math.floor(at / CHUNK) % PARTITIONS }
    })
    await producer.send({ topic: ORDERS_TOPIC, messages, acks: -1 })
  }
  await producer.disconnect()
}

interface Drained {
  perSecond: number
  steadyPerSecond: number
  startS: number
  /** Of the steady part, µs an event. */
  cpu: Record<(typeof SERVICES)[number], number>
  /** Of everything from the first row, in all services. */
  allCpu: number
  taskmanagerMiB: number
}

async function drain(system: System): Promise<Drained> {
  const job = system.services.find(({ service }) => service === 'job')!
  await job.stop()
  await cancelAll(`http://${system.env['FLINK_HOST']}:${system.env['FLINK_PORT']}`)
  await fill(system)
  const client = new pg.Client({ ...createContext({ env: system.env, knobs: {}, signal: new AbortController().signal }).address('postgres'), ...ACCOUNT })
  await client.connect()
  const usage = async () => new Map((await system.usage()).map((one) => [one.service, one]))
  const stored = async () => (await client.query<{ n: number }>('SELECT count(*)::float8 AS n FROM orders')).rows[0]!.n
  const shown = async () => ((await (await fetch(`${system.apiUrl}/api/dashboard`)).json()) as { count: number }).count
  const submittedMs = performance.now()
  const starting = job.start()
  let first = await stored()
  for (; first === 0; first = await stored()) await sleep(2)
  const startMs = performance.now()
  const before = await usage()
  let steady: { events: number; ms: number; usage: typeof before } | undefined
  // The dashboard costs nothing to ask; rows are counted once they can be all there.
  for (let count = await shown(); count < events; count = await shown()) {
    if (performance.now() - startMs > GIVE_UP_MS) throw new Error(`after ${GIVE_UP_MS / 1_000} s: ${await stored()} stored and ${count} counted of ${events}`)
    if (count >= events / 3) steady ??= { events: count, ms: performance.now(), usage: await usage() }
    await sleep(50)
  }
  while ((await stored()) < events) await sleep(50)
  const endMs = performance.now()
  const after = await usage()
  if (steady === undefined) throw new Error(`${events} events are too few: none was seen on its way`)
  const cpuUs = (from: typeof before, since: number, name: string): number => (1e6 * (after.get(name)!.cpuSeconds - from.get(name)!.cpuSeconds)) / (events - since)
  await starting
  await sleep(1_000)
  if ((await stored()) !== events || (await shown()) !== events) throw new Error(`stored ${await stored()} and counted ${await shown()} of ${events}`)
  await client.end()
  return {
    perSecond: (1_000 * (events - first)) / (endMs - startMs),
    steadyPerSecond: (1_000 * (events - steady.events)) / (endMs - steady.ms),
    startS: (startMs - submittedMs) / 1_000,
    cpu: Object.fromEntries(SERVICES.map((name) => [name, cpuUs(steady.usage, steady.events, name)])) as Drained['cpu'],
    allCpu: SERVICES.reduce((sum, name) => sum + cpuUs(before, first, name), 0),
    taskmanagerMiB: after.get('taskmanager')!.rssBytes / 2 ** 20,
  }
}

async function cancelAll(rest: string): Promise<void> {
  for (;;) {
    const { jobs } = (await (await fetch(`${rest}/jobs`)).json()) as { jobs: { id: string; status: string }[] }
    const alive = jobs.filter(({ status }) => !['CANCELED', 'FAILED', 'FINISHED'].includes(status))
    if (alive.length === 0) return
    for (const { id } of alive) await fetch(`${rest}/jobs/${id}?mode=cancel`, { method: 'PATCH' })
    await sleep(100)
  }
}

const drained: Drained[] = []
row('round', 'drain, events/s', 'steady', 'from job’s start to the first row, s', ...SERVICES.map((name) => `${name}, steady CPU µs an event`), 'together', 'warm-up included', 'taskmanager, MiB')
row('---', '---:', '---:', '---:', ...SERVICES.map(() => '---:'), '---:', '---:', '---:')
for (let round = 1; round <= rounds; round++) {
  await using system = await stack('v3', {}, set)
  const one = await drain(system)
  drained.push(one)
  const { perSecond, steadyPerSecond, startS, cpu, allCpu, taskmanagerMiB } = one
  const together = SERVICES.reduce((sum, name) => sum + cpu[name], 0)
  row(String(round), thousands(perSecond), thousands(steadyPerSecond), startS.toFixed(1), ...SERVICES.map((name) => cpu[name].toFixed(1)), together.toFixed(1), allCpu.toFixed(1), taskmanagerMiB.toFixed(0))
}
row('**median**', thousands(median(drained.map((one) => one.perSecond))), thousands(median(drained.map((one) => one.steadyPerSecond))), ...Array.from({ length: SERVICES.length + 4 }, () => ''))
