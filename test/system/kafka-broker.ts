import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'
import { local } from '../../src/runtime/local/local.ts'
import type { RunningService, System } from '../../src/runtime/runtime.ts'
import { createContext, type Context } from '../../src/system/context.ts'
import { connectKafka } from '../../src/system/kafka/connect.ts'

/** Kafka alone: one broker, or three. */
export interface Brokers extends AsyncDisposable {
  system: System
  context: Context<{ brokers: 1 | 3 }>
  log: string[]
  broker(name: string): RunningService
}

let started = 0

/** The file that adds two brokers, without what it says of services that are not here. */
function brokersOnly(folder: string): string {
  const file = join(folder, 'three.yaml')
  const { services } = parse(readFileSync(fileURLToPath(new URL('../../compose/kafka.three.yaml', import.meta.url)), 'utf8'), { merge: true }) as { services: Record<string, unknown> }
  writeFileSync(file, stringify({ services: Object.fromEntries(Object.entries(services).filter(([name]) => name.startsWith('kafka'))) }))
  return file
}

/** `advertisedPort`: where clients are sent once they have asked the broker who leads. */
export async function startBrokers(count: 1 | 3, advertisedPort?: number): Promise<Brokers> {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-'))
  const stop = new AbortController()
  const fixture = fileURLToPath(new URL('fixtures/kafka.yaml', import.meta.url))
  const system = await local.up({
    runId: `kafka-${process.pid}-${++started}`,
    files: count === 3 ? [fixture, brokersOnly(folder)] : [fixture],
    env: advertisedPort === undefined ? {} : { LAB_ADVERTISED_PORT: String(advertisedPort) },
    logDir: join(folder, 'logs'), signal: stop.signal, on: () => undefined,
  })
  const log: string[] = []
  const context = createContext({ env: system.env, knobs: { brokers: count }, signal: stop.signal, log: (line) => void log.push(line) })
  return {
    system, context, log,
    broker: (name) => system.services.find((it) => it.service === name)!,
    async [Symbol.asyncDispose]() {
      await system[Symbol.asyncDispose]()
      stop.abort()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Every record of a topic that is committed, once nothing more comes. */
export async function readAll(context: Context<{ brokers: 1 | 3 }>, topic: string): Promise<{ partition: number; value: string }[]> {
  const records: { partition: number; value: string }[] = []
  const consumer = connectKafka(context, 'test-reader').consumer({ groupId: `test-${topic}-${Math.random()}`, maxWaitTimeInMs: 50 })
  let lastMs = performance.now()
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  // A busy broker answers late: only what has been asked for in vain is not there.
  let fetchesInVain = 0
  consumer.on(consumer.events.FETCH, () => { fetchesInVain += 1 })
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      fetchesInVain = 0
      lastMs = performance.now()
      records.push({ partition, value: message.value!.toString() })
    },
  })
  while (fetchesInVain < 10 || performance.now() - lastMs < 500) await sleep(20)
  await consumer.disconnect()
  return records
}

const PRODUCE = 0

/** Passes bytes on in both directions, and can lose the answer to an order. */
export interface Proxy extends AsyncDisposable {
  port: number
  passTo(port: number): void
  /** Lets the next `count` produce requests through, and cuts each connection before the answer. */
  cutAnswers(count: number): void
  cuts(): number
}

export async function startProxy(): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let target = 0
  let toCut = 0
  let cuts = 0
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    let cutting = false
    const end = () => [client, upstream].forEach((it) => it.destroy())
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', end).on('close', () => {
        sockets.delete(socket)
        end()
      })
    }
    client.on('data', (bytes: Buffer) => {
      if (toCut > 0 && bytes.length > 6 && bytes.readInt16BE(4) === PRODUCE) {
        toCut -= 1
        cutting = true
      }
      upstream.write(bytes)
    })
    upstream.on('data', (bytes: Buffer) => {
      if (!cutting) return void client.write(bytes)
      cuts += 1
      end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    passTo: (port) => { target = port },
    cutAnswers: (count) => { toCut = count },
    cuts: () => cuts,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
