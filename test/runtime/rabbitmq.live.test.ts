import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type ChannelModel } from 'amqplib'
import { describe, expect, it } from 'vitest'
import { canFetchPackages, unpackPackages } from '../../src/runtime/local/debian-packages.ts'
import { opensConnection } from '../../src/runtime/local/rabbitmq.ts'
import { listProcesses, readEnviron, readStat, readWhereabouts, withDescendants } from '../../src/runtime/processes.ts'
import type { RunningService, System } from '../../src/runtime/runtime.ts'
import { bringUp, remains, temporaryFolder, until } from './running.ts'
import { skippedUnless } from '../skipped.ts'

const LOGIN = { user: 'lab', password: `it's "quoted", isn't it?`, vhost: '/' }
const QUEUE = 'kept'
/** So late RabbitMQ 3.10 may write down the name of a quorum queue (dets' delayed writes); killed earlier, it has forgotten the queue. */
const NAMES_WRITTEN_WITHIN_MS = 3_500

const brokerOf = (system: System): RunningService => system.services.find(({ service }) => service === 'rabbitmq')!
const opens = (system: System, login = LOGIN): Promise<boolean> => opensConnection('127.0.0.1', Number(system.env.RABBITMQ_PORT), login, 1_000)

async function inRabbitmq<T>(system: System, use: (connection: ChannelModel) => Promise<T>): Promise<T> {
  const connection = await connect({ hostname: system.env.RABBITMQ_HOST, port: Number(system.env.RABBITMQ_PORT), username: LOGIN.user, password: LOGIN.password })
  connection.on('error', () => undefined)
  try {
    return await use(connection)
  } finally {
    await connection.close().catch(() => undefined)
  }
}

/** Resolves when the broker has confirmed all of them. */
async function publish(system: System, type: 'quorum' | 'classic', texts: readonly string[]): Promise<void> {
  await inRabbitmq(system, async (connection) => {
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue(`${QUEUE}-${type}`, { durable: true, arguments: { 'x-queue-type': type } })
    for (const text of texts) channel.sendToQueue(`${QUEUE}-${type}`, Buffer.from(text), { persistent: true })
    await channel.waitForConfirms()
  })
}

/** What waits in the queue; it goes on waiting (every get counts as a consumer of its own, and theirs are put back in any order). */
function waiting(system: System, type: 'quorum' | 'classic', count: number): Promise<string[]> {
  return inRabbitmq(system, async (connection) => {
    const channel = await connection.createChannel()
    const texts: string[] = []
    for (let i = 0; i < count; i += 1) {
      const message = await channel.get(`${QUEUE}-${type}`)
      if (message) texts.push(message.content.toString())
    }
    return texts.sort()
  })
}

/** Processes of the virtual machine or its port mapper that the tests do not know of otherwise: by program, wherever they run. */
const erlangs = (): number[] => listProcesses().map(({ pid }) => pid).filter((pid) => ['beam.smp', 'epmd', 'erl_child_setup', 'inet_gethost'].includes(readWhereabouts(pid).program ?? ''))

/** `127.0.0.1:5672` of every socket that one of these processes listens on. */
function listening(pids: readonly number[]): string[] {
  const inodes = new Set(pids.flatMap((pid) => readdirSync(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1])))
  const rows = ['tcp', 'tcp6'].flatMap((name) => readFileSync(`/proc/net/${name}`, 'utf8').trim().split('\n').slice(1)).map((row) => row.trim().split(/\s+/))
  return rows.filter((row) => row[3] === '0A' && inodes.has(row[9])).map((row) => {
    const [address = '', port = ''] = row[1]!.split(':')
    const host = address === '0100007F' ? '127.0.0.1' : address
    return `${host}:${parseInt(port, 16)}`
  })
}

describe('packages of the distribution', () => {
  const io = (events: number[], stop: AbortController) => ({
    marks: { LAB_RUN: 'test' }, signal: stop.signal,
    onFetch: ({ done, total }: { done: number; total?: number }) => void (total !== undefined && events.push(done / total)),
  })

  it.skipIf(!canFetchPackages())(`are unpacked without being installed, with what they need, and progress is told${skippedUnless(canFetchPackages(), 'no apt to fetch packages with')}`, async () => {
    const folder = temporaryFolder()
    const told: number[] = []
    const packages = await unpackPackages('erlang-crypto', /^erlang-/, folder, 'Erlang', io(told, new AbortController()))
    // Both come, whether they are installed here or not.
    expect(packages.map(({ name }) => name)).toEqual(expect.arrayContaining(['erlang-base', 'erlang-crypto']))
    expect(existsSync(join(folder, 'usr/lib/erlang/bin/start_sasl.boot'))).toBe(true)
    expect(readdirSync(folder), 'no trace of apt').not.toContain('.apt')
    expect(told.at(-1)).toBe(1)
    expect(told).toEqual(told.toSorted((a, b) => a - b))
  })

  it.skipIf(!canFetchPackages())(`are given up when the lab is stopped${skippedUnless(canFetchPackages(), 'no apt to fetch packages with')}`, async () => {
    const stop = new AbortController()
    setTimeout(() => stop.abort(new Error('enough')), 20)
    await expect(unpackPackages('erlang-crypto', /^erlang-/, temporaryFolder(), 'Erlang', io([], stop))).rejects.toThrow('enough')
  })
})

describe('RabbitMQ', () => {
  it('is what it says, listens on its port alone, and is gone afterwards with all it started', async () => {
    const before = new Set(erlangs())
    const [one, two] = [bringUp('rabbitmq.yaml', { readyWithinMs: 60_000 }), bringUp('rabbitmq.yaml', { readyWithinMs: 60_000 })]
    const systems = await Promise.all([one.system, two.system])
    for (const [run, system] of [[one, systems[0]], [two, systems[1]]] as const) {
      expect(run.events.find(({ type }) => type === 'service-ready')).toMatchObject({ service: 'rabbitmq', version: expect.stringMatching(/^RabbitMQ \d+\.\d+\.\d+$/) })
      const tree = [...withDescendants(new Set([brokerOf(system).pid!]), listProcesses())]
      expect(listening(tree)).toEqual([`127.0.0.1:${system.env.RABBITMQ_PORT}`])
      for (const pid of tree) {
        const environ = readEnviron(pid)
        expect(environ.get('LAB_RUN'), readWhereabouts(pid).program).toBe(run.runId)
        expect(environ.has('LAB_CACHE'), 'nothing of the caller goes along').toBe(false)
      }
      expect(await opens(system)).toBe(true)
      expect(await opens(system, { ...LOGIN, password: 'wrong' })).toBe(false)
      expect(await opens(system, { ...LOGIN, user: 'guest', password: 'guest' })).toBe(false)
      const [usage] = await system.usage()
      expect(usage!.rssBytes).toBeGreaterThan(2 ** 25)
      expect(usage!.cpuSeconds).toBeGreaterThan(0.5)
      expect((await system.dataBytes()).rabbitmq).toBeGreaterThan(2 ** 12)
    }
    // Two at once have nothing in common, though both nodes have the same name.
    await Promise.all(systems.map((system, index) => publish(system, 'quorum', [`of ${index}`])))
    expect(await Promise.all(systems.map((system) => waiting(system, 'quorum', 2)))).toEqual([['of 0'], ['of 1']])

    await Promise.all(systems.map((system) => system[Symbol.asyncDispose]()))
    expect([...remains(one.runId), ...remains(two.runId)]).toEqual([])
    await until(() => erlangs().every((pid) => before.has(pid)), 5_000, 'no virtual machine, no port mapper is left')
    for (const { events } of [one, two]) expect(events.filter((event) => event.type === 'service-exited' && !event.expected)).toEqual([])
  })

  it('keeps what it confirmed over kill, stop and start, and answers nobody while it is paused', async () => {
    const run = bringUp('rabbitmq.yaml', { readyWithinMs: 60_000 })
    await using system = await run.system
    const broker = brokerOf(system)
    const texts = Array.from({ length: 200 }, (_, i) => `message ${i}`).sort()
    await publish(system, 'quorum', [])
    await sleep(NAMES_WRITTEN_WITHIN_MS)
    await publish(system, 'quorum', texts)
    await publish(system, 'classic', texts)
    const { pid } = broker
    await broker.kill()
    expect(erlangs().filter((one) => readEnviron(one).get('LAB_RUN') === run.runId), 'no child outlives it').toEqual([])
    expect(await opens(system)).toBe(false)
    await broker.start()
    expect(broker.pid).not.toBe(pid)
    expect(await waiting(system, 'quorum', 201)).toEqual(texts)
    expect(await waiting(system, 'classic', 201)).toEqual(texts)

    await broker.stop()
    expect(run.events.filter(({ type }) => type === 'service-exited').at(-1), 'in its own order').toMatchObject({ code: 0, signal: null, expected: true })
    await broker.start()
    expect(await waiting(system, 'quorum', 201)).toEqual(texts)
    expect(await waiting(system, 'classic', 201)).toEqual(texts)

    await broker.pause()
    for (const one of withDescendants(new Set([broker.pid!]), listProcesses())) expect(readStat(one)?.state).toBe('T')
    expect(await opens(system)).toBe(false)
    await broker.resume()
    expect(await opens(system)).toBe(true)

    await broker.pause()
    await system[Symbol.asyncDispose]()
    expect(remains(run.runId)).toEqual([])
  })

  it('whose first process alone is killed is reported, and comes back with its data', async () => {
    const run = bringUp('rabbitmq.yaml', { readyWithinMs: 60_000 })
    await using system = await run.system
    const broker = brokerOf(system)
    await publish(system, 'classic', ['kept'])
    process.kill(broker.pid!, 'SIGKILL')
    await until(() => broker.pid === undefined, 5_000, 'the lab notices')
    expect(run.events.find(({ type }) => type === 'service-exited')).toMatchObject({ signal: 'SIGKILL', expected: false, willRestart: false })
    await broker.start()
    expect(await waiting(system, 'classic', 2)).toEqual(['kept'])
  })
})
