/**
 * How many messages a second RabbitMQ confirms to the API's own publisher: persistent, mandatory, one event each, over four shards, while nobody
 * consumes. Quorum queues and classic ones, one message in flight and 64. Kinds in a new random order in each round, each in a fresh system.
 * `npm run bench:publish -- [seconds] [rounds]`
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createPublisher } from '../src/system/architectures/v4-rabbitmq-tenants/ingest/publisher.ts'
import { forgetMetrics } from '../src/system/metrics.ts'
import { percentileMs, newHistogram, recordUs } from '../src/measure/histogram.ts'
import { shuffled } from './lab-run.ts'
import { median, row, stack, thousands } from './stack.ts'
import { connected, contextOf, sendersOf } from './v4-senders.ts'

const [seconds = 10, rounds = 3] = process.argv.slice(2).map(Number)
const WARMUP_MS = 1_000
const KINDS = ['quorum', 'classic'] as const
const IN_FLIGHT = [1, 64]

interface Figures {
  perSecond: number
  p50Ms: number
  p99Ms: number
  /** Of RabbitMQ, in cores. */
  cpu: number
}

async function measure(queue: (typeof KINDS)[number]): Promise<Map<number, Figures>> {
  const knobs = { queue, queueLimit: 10_000_000 }
  await using system = await stack('v4', {}, [`queue=${queue}`, `queueLimit=${knobs.queueLimit}`, 'rollup=3600'])
  await system.services.find(({ service }) => service === 'worker')!.stop()
  const client = await connected(system)
  const senders = await sendersOf(client, 1)
  await client.end()
  // Its figures have a process-wide place, once.
  forgetMetrics()
  await using publisher = createPublisher(contextOf(system, knobs, new AbortController().signal))
  while (!publisher.ready().ok) await sleep(5)
  const cpuSeconds = async () => (await system.usage()).find(({ service }) => service === 'rabbitmq')!.cpuSeconds
  let sequence = 0

  async function publishFor(ms: number, inFlight: number) {
    const latency = newHistogram()
    const endMs = performance.now() + ms
    let confirmed = 0
    await Promise.all(Array.from({ length: inFlight }, async () => {
      for (let startMs = performance.now(); startMs < endMs; startMs = performance.now()) {
        const { order, sender } = senders.at(sequence++)
        await publisher.publish([order], sender)
        recordUs(latency, (performance.now() - startMs) * 1_000)
        confirmed += 1
      }
    }))
    return { confirmed, latency }
  }

  const found = new Map<number, Figures>()
  for (const inFlight of IN_FLIGHT) {
    await publishFor(WARMUP_MS, inFlight)
    const before = await cpuSeconds()
    const startMs = performance.now()
    const { confirmed, latency } = await publishFor(seconds * 1_000, inFlight)
    const took = (performance.now() - startMs) / 1_000
    found.set(inFlight, { perSecond: confirmed / took, p50Ms: percentileMs(latency, 50), p99Ms: percentileMs(latency, 99), cpu: ((await cpuSeconds()) - before) / took })
  }
  return found
}

const measured = new Map(KINDS.map((kind) => [kind, [] as Map<number, Figures>[]]))
for (let round = 1; round <= rounds; round++) {
  for (const kind of shuffled(KINDS)) {
    measured.get(kind)!.push(await measure(kind))
    process.stderr.write(`${round} ${kind}\n`)
  }
}
row('queues', 'in flight', 'confirmed messages/s', 'from – to', 'confirm p50 ms', 'p99 ms', 'RabbitMQ CPU')
row('---', '---:', '---:', '---:', '---:', '---:', '---:')
for (const [kind, found] of measured) {
  for (const inFlight of IN_FLIGHT) {
    const figures = found.map((one) => one.get(inFlight)!)
    const rates = figures.map(({ perSecond }) => perSecond)
    const middle = (of: (it: Figures) => number) => median(figures.map(of)).toFixed(2)
    const spread = `${thousands(Math.min(...rates))} – ${thousands(Math.max(...rates))}`
    row(kind, String(inFlight), thousands(median(rates)), spread, middle((it) => it.p50Ms), middle((it) => it.p99Ms), middle((it) => it.cpu))
  }
}
