/**
 * One worker of v4 draining a backlog into PostgreSQL, by batch size, and with and without asking Redis first. The backlog is written by the
 * API's own publisher, an event a message, in shares of the tenants by Zipf's law. `prefetch` is 1,000 for all, so that only what is compared
 * differs. Sets of knobs in a new random order in each round, each in a fresh system.
 * `npm run bench:v4-drain -- [events] [rounds]`
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { createPublisher } from '../src/system/architectures/v4-rabbitmq-tenants/ingest/publisher.ts'
import { forgetMetrics } from '../src/system/metrics.ts'
import { shuffled } from './lab-run.ts'
import { median, row, stack, thousands } from './stack.ts'
import { connected, contextOf, sendersOf, storedCount } from './v4-senders.ts'

const [events = 100_000, rounds = 3] = process.argv.slice(2).map(Number)
const IN_FLIGHT = 64
const CASES = ['redis', 'db'].flatMap((idempotency) => [1, 20, 500].map((batch) => ({ batch, idempotency })))
const SERVICES = ['worker', 'postgres', 'redis', 'rabbitmq'] as const

interface Drained {
  perSecond: number
  /** In cores. */
  cpu: Record<(typeof SERVICES)[number], number>
}

async function drain({ batch, idempotency }: (typeof CASES)[number]): Promise<Drained> {
  // Deep enough for all of it in one shard.
  const set = [`batch=${batch}`, `idempotency=${idempotency}`, 'prefetch=1000', 'queueLimit=10000000', 'rollup=3600']
  await using system = await stack('v4', {}, set)
  const worker = system.services.find(({ service }) => service === 'worker')!
  await worker.stop()
  const client = await connected(system)
  try {
    await fill(system, client)
    const cpu = async () => new Map((await system.usage()).map(({ service, cpuSeconds }) => [service, cpuSeconds]))
    await worker.start()
    // Counted from the first commit on, so that the start of a process is no part of it.
    let first = await storedCount(client)
    for (; first === 0; first = await storedCount(client)) await sleep(1)
    const startMs = performance.now()
    const before = await cpu()
    while ((await storedCount(client)) < events) await sleep(20)
    const seconds = (performance.now() - startMs) / 1_000
    const after = await cpu()
    const stored = (await client.query<{ rows: number }>('SELECT count(*)::float8 AS rows FROM orders')).rows[0]!.rows
    if (stored !== events) throw new Error(`stored ${stored} of ${events}`)
    return {
      perSecond: (events - first) / seconds,
      cpu: Object.fromEntries(SERVICES.map((name) => [name, ((after.get(name) ?? NaN) - (before.get(name) ?? NaN)) / seconds])) as Drained['cpu'],
    }
  } finally {
    await client.end()
  }
}

async function fill(system: Awaited<ReturnType<typeof stack>>, client: pg.Client): Promise<void> {
  // Its figures have a process-wide place, once.
  forgetMetrics()
  const senders = await sendersOf(client, 1)
  await using publisher = createPublisher(contextOf(system, { queueLimit: 10_000_000 }, new AbortController().signal))
  while (!publisher.ready().ok) await sleep(5)
  let sequence = 0
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (sequence < events) {
      const { order, sender } = senders.at(sequence++)
      await publisher.publish([order], sender)
    }
  }))
}

const measured = new Map(CASES.map((one) => [one, [] as Drained[]]))
for (let round = 1; round <= rounds; round++) {
  for (const one of shuffled(CASES)) {
    const drained = await drain(one)
    measured.get(one)!.push(drained)
    process.stderr.write(`${round} batch=${one.batch} idempotency=${one.idempotency}: ${thousands(drained.perSecond)}/s\n`)
  }
}
row('batch', 'idempotency', 'drain, events/s', 'from – to', 'worker CPU', 'PostgreSQL CPU', 'Redis CPU', 'RabbitMQ CPU')
row('---:', '---', '---:', '---:', '---:', '---:', '---:', '---:')
for (const [{ batch, idempotency }, found] of measured) {
  const rates = found.map(({ perSecond }) => perSecond)
  const cpu = SERVICES.map((name) => median(found.map((one) => one.cpu[name])).toFixed(2))
  row(String(batch), idempotency, thousands(median(rates)), `${thousands(Math.min(...rates))} – ${thousands(Math.max(...rates))}`, ...cpu)
}
