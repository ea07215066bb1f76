import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { Kafka, logLevel } from 'kafkajs'
import { expect, it } from 'vitest'
import { scraping } from '../../src/experiment/scraping.ts'
import { askCluster } from '../../src/runtime/local/kafka-ready.ts'
import { readEnviron, readStat } from '../../src/runtime/processes.ts'
import type { RunningService, System } from '../../src/runtime/runtime.ts'
import { runFolder } from '../../src/runtime/run-folder.ts'
import { bringUp, remains, until } from './running.ts'

const KEPT = 'kept'
const NOISE = 'noise'
const brokerOf = (system: System): RunningService => system.services.find(({ service }) => service === 'kafka')!
const clientOf = ({ env }: System): Kafka => new Kafka({ clientId: 'test', brokers: [`${env.KAFKA_HOST}:${env.KAFKA_PORT}`], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50, retries: 10 } })
const asks = (system: System) => askCluster(system.env.KAFKA_HOST!, Number(system.env.KAFKA_PORT), 1_000)

/** Resolves when the broker has acknowledged all of them. */
async function send(system: System, topic: string, texts: readonly string[]): Promise<void> {
  const producer = clientOf(system).producer({ idempotent: true })
  await producer.connect()
  await producer.send({ topic, acks: -1, messages: texts.map((value) => ({ value, partition: 0 })) })
  await producer.disconnect()
}

/** Everything in the topic from its beginning, as a group that has never read, in the order it is in. */
async function read(system: System, count: number): Promise<string[]> {
  const texts: string[] = []
  const consumer = clientOf(system).consumer({ groupId: `reader-${Math.random()}`, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topic: KEPT, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => void texts.push(message.value!.toString()) })
  await until(() => texts.length >= count, 20_000, `${count} messages, there are ${texts.length}`)
  await consumer.disconnect()
  return texts
}

/** `127.0.0.1:9092` of every socket that a process listens on; Java has IPv4 addresses inside those of IPv6. */
function listening(pid: number): string[] {
  const inodes = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1]))
  const rows = ['tcp', 'tcp6'].flatMap((name) => readFileSync(`/proc/net/${name}`, 'utf8').trim().split('\n').slice(1)).map((row) => row.trim().split(/\s+/))
  return rows.filter((row) => row[3] === '0A' && inodes.has(row[9])).map((row) => {
    const [address = '', port = ''] = row[1]!.split(':')
    return `${/^(0{16}FFFF0000)?0100007F$/.test(address) ? '127.0.0.1' : address}:${parseInt(port, 16)}`
  })
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** Files that a process has open to write, outside of what belongs to the kernel. */
function writes(pid: number): string[] {
  const isForWriting = (fd: string): boolean => (Number.parseInt(/^flags:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0', 8) & 3) !== 0
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => linkOf(`/proc/${pid}/fd/${fd}`).startsWith('/') && isForWriting(fd)).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`)).filter((path) => !/^\/(dev|proc)\//.test(path))
}

/** What the lab samples while something is sent. The first answer takes its server longer than a sample waits. */
async function measured(system: System): Promise<Record<string, number>> {
  const figures = scraping(system)
  for (let tries = 0; tries < 40; tries += 1) {
    await send(system, NOISE, ['something'])
    const seen = await figures()
    if ((seen.lab_kafka_bytes_in_total ?? 0) > 0) return seen
  }
  throw new Error('no figures in 40 tries')
}

it('Kafka is what it says, keeps what it acknowledged over kill, stop and start, shows its metrics, and is gone afterwards', async () => {
  const run = bringUp('kafka.yaml', { readyWithinMs: 90_000 })
  await using system = await run.system
  const broker = brokerOf(system)
  const { KAFKA_PORT, KAFKA_CONTROLLER_PORT, KAFKA_METRICS_PORT } = system.env
  expect(run.events.find(({ type }) => type === 'service-ready')).toMatchObject({ service: 'kafka', version: expect.stringMatching(/^Kafka 4\.\d+\.\d+$/) })
  expect(await asks(system)).toEqual({ nodeIds: [1], controller: 1 })
  expect(listening(broker.pid!).sort()).toEqual([KAFKA_PORT, KAFKA_CONTROLLER_PORT, KAFKA_METRICS_PORT].map((port) => `127.0.0.1:${port}`).sort())
  expect(readEnviron(broker.pid!).get('LAB_RUN')).toBe(run.runId)
  for (const path of writes(broker.pid!)) expect(path.startsWith(`${runFolder(run.runId)}/`) || path.startsWith(run.logDir), path).toBe(true)

  const admin = clientOf(system).admin()
  await admin.connect()
  expect((await admin.describeCluster()).brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: Number(KAFKA_PORT) }])
  await admin.createTopics({ topics: [KEPT, NOISE].map((topic) => ({ topic, numPartitions: 1, replicationFactor: 1 })) })
  await admin.disconnect()
  const texts = Array.from({ length: 300 }, (_, i) => `message ${i}`)
  await send(system, KEPT, texts)
  const seen = await measured(system)
  expect(seen).toMatchObject({ lab_kafka_under_replicated_partitions: 0, lab_kafka_partitions_offline: 0, lab_kafka_requests_waiting: expect.any(Number) })
  expect(seen.lab_kafka_records_in_total).toBeGreaterThan(0)
  expect(seen.lab_kafka_produce_p99_seconds).toBeGreaterThan(0)
  expect(Object.keys(seen), 'few').toHaveLength(10)

  const { pid } = broker
  await broker.kill()
  expect(await asks(system)).toBeUndefined()
  await broker.start()
  expect(broker.pid).not.toBe(pid)
  expect(await read(system, 300)).toEqual(texts)
  await broker.stop()
  expect(run.events.filter(({ type }) => type === 'service-exited').at(-1), 'in its own order').toMatchObject({ code: 143, signal: null, expected: true })
  await broker.start()
  expect(await read(system, 300)).toEqual(texts)
  expect((await system.dataBytes()).kafka).toBeGreaterThan(300 * 'message 100'.length)

  await broker.pause()
  expect(readStat(broker.pid!)?.state).toBe('T')
  expect(await asks(system)).toBeUndefined()
  const began = performance.now()
  await system[Symbol.asyncDispose]()
  expect(performance.now() - began, 'it has nothing to save').toBeLessThan(10_000)
  expect(remains(run.runId)).toEqual([])
  expect(run.events.filter((event) => event.type === 'service-exited' && !event.expected)).toEqual([])
})
