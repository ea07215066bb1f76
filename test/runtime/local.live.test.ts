import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { MissingPrerequisite, ServiceFailed } from '../../src/runtime/errors.ts'
import { reservePorts } from '../../src/runtime/local/ports.ts'
import { answersPing } from '../../src/runtime/local/redis.ts'
import { createLocal } from '../../src/runtime/local/local.ts'
import { httpStatus } from '../../src/runtime/local/node.ts'
import { readEnviron } from '../../src/runtime/processes.ts'
import { runFolder } from '../../src/runtime/run-folder.ts'
import { backendsIn } from '../../src/runtime/run-mark.ts'
import type { RunningService, System } from '../../src/runtime/runtime.ts'
import { bringUp, remains, temporaryFolder, until } from './running.ts'

const find = (system: System, service: string, replica = 1): RunningService => system.services.find((one) => one.service === service && one.replica === replica)!

async function connect(system: System): Promise<Client> {
  const client = new Client({ host: system.env.POSTGRES_HOST, port: Number(system.env.POSTGRES_PORT), user: 'lab', database: 'orders' })
  // A killed server shows as an error of the connection, too.
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function query(system: System, sql: string): Promise<unknown[]> {
  const client = await connect(system)
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

async function inRedis<T>(system: System, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ host: system.env.REDIS_HOST, port: Number(system.env.REDIS_PORT) })
  try {
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}

const COMPUTE = 'DO $$ BEGIN LOOP END LOOP; END $$'
const dataFolder = (runId: string): string => `${runFolder(runId)}/postgres`

describe('a stack with stores', () => {
  it('comes up in order, is what it says, and is gone afterwards', async () => {
    const run = bringUp('stores.yaml')
    const system = await run.system
    const at = (type: string, service: string): number => run.events.findIndex((event) => event.type === type && 'service' in event && event.service === service)
    expect(at('service-started', 'setup')).toBeGreaterThan(Math.max(at('service-ready', 'postgres'), at('service-ready', 'redis')))
    expect(at('service-started', 'api')).toBeGreaterThan(at('service-exited', 'setup'))
    expect(system.services.map(({ service, replica }) => `${service} ${replica}`).sort()).toEqual(['api 1', 'api 2', 'postgres 1', 'redis 1'])

    const answers = new Set(await Promise.all(Array.from({ length: 60 }, async () => (await fetch(system.apiUrl, { headers: { connection: 'close' } })).text())))
    expect([...answers].map(Number).sort(), 'both replicas answer on one port').toEqual([find(system, 'api', 1).pid, find(system, 'api', 2).pid].sort())

    expect(await query(system, `SELECT current_setting('shared_buffers') s, current_setting('fsync') f, current_setting('synchronous_commit') c, current_setting('listen_addresses') l`)).toEqual([{ s: '32MB', f: 'on', c: 'on', l: '127.0.0.1' }])
    expect(await inRedis(system, (redis) => redis.config('GET', 'appendfsync'))).toEqual(['appendfsync', 'always'])
    expect(await inRedis(system, (redis) => redis.config('GET', 'bind'))).toEqual(['bind', '127.0.0.1'])

    for (const { pid, service } of system.services) {
      const environ = readEnviron(pid!)
      expect(environ.get('LAB_RUN'), service).toBe(run.runId)
      expect(environ.has('LAB_CACHE'), 'nothing of the caller goes along').toBe(false)
    }

    const before = await system.usage()
    await query(system, 'SELECT sum(i) FROM generate_series(1, 3000000) i')
    const cpu = (usage: typeof before): number => usage.find(({ service }) => service === 'postgres')!.cpuSeconds
    let after = await system.usage()
    // Its time is the postmaster's once that has noticed its end.
    for (let look = 0; look < 100 && cpu(after) - cpu(before) <= 0.05; look += 1) {
      await sleep(20)
      after = await system.usage()
    }
    expect(cpu(after) - cpu(before), 'the CPU of a backend that has ended counts on').toBeGreaterThan(0.05)
    expect(after.find(({ service }) => service === 'postgres')!.processes).toBeGreaterThan(3)
    expect(after.every(({ rssBytes }) => rssBytes > 2 ** 20 && rssBytes < 2 ** 29)).toBe(true)
    const bytes = await system.dataBytes()
    expect(Object.keys(bytes).sort()).toEqual(['postgres', 'redis'])
    expect(bytes.postgres).toBeGreaterThan(10 * 2 ** 20)

    const began = performance.now()
    await Promise.all([system[Symbol.asyncDispose](), system[Symbol.asyncDispose]()])
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(remains(run.runId)).toEqual([])
    expect(run.events.filter((event) => event.type === 'service-exited' && !event.expected)).toEqual([])
    expect(await httpStatus(system.apiUrl, 500)).toBeUndefined()
  })

  it('keeps data and ports over kill, stop, pause and start', async () => {
    const run = bringUp('stores.yaml', { env: { LAB_API: '0' } })
    await using system = await run.system
    const [postgres, redis] = [find(system, 'postgres'), find(system, 'redis')]
    await query(system, 'CREATE TABLE kept AS SELECT 1 AS n')
    await inRedis(system, (client) => client.set('kept', '1'))
    // A backend that computes does not notice by itself that its parent is gone.
    const busy = query(system, COMPUTE).catch(() => undefined)
    await until(() => backendsIn(dataFolder(run.runId)).length > 9, 2_000, 'a backend computes')

    const usageBefore = await system.usage()
    for (const service of [postgres, redis]) {
      const pid = service.pid
      await service.kill()
      expect(service.pid).toBeUndefined()
      if (service === postgres) expect(backendsIn(dataFolder(run.runId))).toEqual([])
      await service.start()
      expect(service.pid).not.toBe(pid)
      await service.start()
    }
    await busy
    expect(await query(system, 'SELECT n FROM kept')).toEqual([{ n: 1 }])
    expect(await inRedis(system, (client) => client.get('kept'))).toBe('1')
    const usageAfter = await system.usage()
    for (const [index, { cpuSeconds }] of usageAfter.entries()) expect(cpuSeconds, 'cumulative over lives').toBeGreaterThanOrEqual(usageBefore[index]!.cpuSeconds)

    for (const service of [postgres, redis]) {
      await service.stop()
      await service.stop()
      await service.start()
    }
    expect(await query(system, 'SELECT n FROM kept')).toEqual([{ n: 1 }])
    expect(await inRedis(system, (client) => client.get('kept'))).toBe('1')

    await redis.pause()
    expect(await answersPing('127.0.0.1', Number(system.env.REDIS_PORT), 300)).toBe(false)
    await redis.resume()
    expect(await answersPing('127.0.0.1', Number(system.env.REDIS_PORT), 1_000)).toBe(true)
    const connected = await connect(system)
    await postgres.pause()
    const asked = [query(system, 'SELECT 1 AS one'), connected.query('SELECT 1 AS one').then(({ rows }) => rows)]
    expect(await Promise.race([...asked, sleep(300, 'no answer')])).toBe('no answer')
    await postgres.resume()
    expect(await Promise.all(asked)).toEqual([[{ one: 1 }], [{ one: 1 }]])
    await connected.end()
    // What is paused can be taken down like anything else.
    await redis.pause()
    await postgres.pause()
    const began = performance.now()
    await system[Symbol.asyncDispose]()
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(remains(run.runId)).toEqual([])
    expect(run.events.filter((event) => event.type === 'service-exited' && !event.expected)).toEqual([])
  })
})

describe('a PostgreSQL whose first process alone is killed', () => {
  it('is reported, its backends still count as the run, and it comes back with its data', async () => {
    const run = bringUp('stores.yaml', { env: { LAB_API: '0' } })
    await using system = await run.system
    const postgres = find(system, 'postgres')
    await query(system, 'CREATE TABLE kept AS SELECT 1 AS n')
    const busy = query(system, COMPUTE).catch(() => undefined)
    await until(() => backendsIn(dataFolder(run.runId)).length > 9, 2_000, 'a backend computes')
    process.kill(postgres.pid!, 'SIGKILL')
    await until(() => postgres.pid === undefined, 2_000, 'the lab notices')
    expect(run.events.find((event) => event.type === 'service-exited' && event.service === 'postgres')).toMatchObject({ signal: 'SIGKILL', expected: false, willRestart: false })
    const orphans = backendsIn(dataFolder(run.runId)).map(({ pid }) => `process ${pid}`)
    expect(orphans.length).toBeGreaterThan(0)
    expect(remains(run.runId)).toEqual(expect.arrayContaining(orphans))
    await postgres.start()
    await busy
    expect(await query(system, 'SELECT n FROM kept')).toEqual([{ n: 1 }])
  })
})

describe('a service that', () => {
  const up = (what: string, more: Record<string, string> = {}, readyWithinMs = 5_000) => bringUp('plain.yaml', { env: { LAB_WHAT: what, ...more }, readyWithinMs })

  it('is never ready fails the start in time, with its last lines', async () => {
    const run = up('never-ready', {}, 700)
    const error = await run.system.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ServiceFailed)
    expect(String(error)).toMatch(/service a was not ready within 0.7 s.*\n.*environment:/)
    expect(remains(run.runId)).toEqual([])
  })

  it('ends while it starts fails the start at once, with its exit code', async () => {
    const run = bringUp('failing-setup.yaml')
    await expect(run.system).rejects.toThrow('service setup ended by itself with exit code 3')
    expect(run.events.some((event) => event.type === 'service-started' && event.service === 'after')).toBe(false)
    expect(remains(run.runId)).toEqual([])
  })

  it('dies later is reported, and stays down without a policy', async () => {
    const run = up('ends 7 300')
    await using _system = await run.system
    await until(() => run.events.some(({ type }) => type === 'service-exited'), 5_000, 'the exit is told')
    expect(run.events.find(({ type }) => type === 'service-exited')).toMatchObject({ code: 7, expected: false, willRestart: false, lastLines: expect.arrayContaining(['ready']) })
    await sleep(300)
    expect(run.events.some(({ type }) => type === 'service-restarted')).toBe(false)
  })

  it('dies again and again is brought back so often, with growing pauses', async () => {
    const run = up('ends 7 50', { LAB_RESTART: 'on-failure:3' })
    const count = (type: string): number => run.events.filter((event) => event.type === type).length
    const system = run.system.catch(() => undefined)
    await until(() => run.events.some((event) => event.type === 'service-exited' && !event.willRestart), 15_000, 'it gives up')
    await (await system)?.[Symbol.asyncDispose]()
    expect([count('service-restarted'), count('service-exited')]).toEqual([3, 4])
    expect(run.events.flatMap((event) => (event.type === 'service-restarted' ? [event.attempt] : []))).toEqual([1, 2, 3])
  })

  it('was killed comes back by its policy, but not once it was stopped', async () => {
    const run = up('serve', { LAB_RESTART: 'on-failure' })
    await using system = await run.system
    const service = system.services[0]!
    await service.kill()
    await until(() => run.events.filter(({ type }) => type === 'service-ready').length === 2, 5_000, 'ready again')
    expect(run.events.find(({ type }) => type === 'service-exited')).toMatchObject({ signal: 'SIGKILL', expected: true, willRestart: true })
    await service.stop()
    await sleep(500)
    expect(service.pid).toBeUndefined()
    await service.start()
    expect(service.pid).toBeDefined()
  })

  it('floods its log costs the lab a bounded number of lines', async () => {
    const run = up('flood')
    await using _system = await run.system
    await sleep(500)
    const lines = run.events.flatMap((event) => (event.type === 'log' ? [event.line] : []))
    expect(lines.length).toBeLessThan(300)
    expect(lines.some((line) => line.includes('not shown'))).toBe(true)
  })

  it('does not want to end is ended, in time', async () => {
    const run = up('stubborn')
    const system = await run.system
    const began = performance.now()
    await system[Symbol.asyncDispose]()
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(remains(run.runId)).toEqual([])
  })
})

describe('an abort', () => {
  it.each(['service-started', 'service-ready', 'service-exited'])('at the first %s leaves nothing', async (type) => {
    const run = bringUp('stores.yaml', { on: (event, stop) => event.type === type && stop.abort(new Error('enough')) })
    await expect(run.system).rejects.toThrow('enough')
    expect(remains(run.runId)).toEqual([])
  })

  it('during a fetch leaves nothing, also in the cache', async () => {
    const cache = process.env.LAB_CACHE
    process.env.LAB_CACHE = temporaryFolder()
    try {
      const run = bringUp('stores.yaml', { on: (event, stop) => event.type === 'fetch' && setTimeout(() => stop.abort(new Error('enough')), 150) })
      await expect(run.system).rejects.toThrow('enough')
      expect(remains(run.runId)).toEqual([])
      expect(readdirSync(process.env.LAB_CACHE)).toEqual([])
    } finally {
      if (cache === undefined) delete process.env.LAB_CACHE
      else process.env.LAB_CACHE = cache
    }
  })

  it('before anything began starts nothing', async () => {
    const run = bringUp('stores.yaml')
    run.stop.abort(new Error('enough'))
    await expect(run.system).rejects.toThrow('enough')
    expect(remains(run.runId)).toEqual([])
  })
})

describe('a port', () => {
  it.each([false, true])('that is taken is named (by somebody who shares it: %s)', async (reusePort) => {
    const server = createServer().listen({ port: 0, host: '127.0.0.1', reusePort })
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    try {
      const run = bringUp('stores.yaml', { apiPort: port })
      const error = await run.system.catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(MissingPrerequisite)
      expect(String(error)).toContain(`port ${port} (API_PORT)`)
      expect(remains(run.runId)).toEqual([])
    } finally {
      server.close()
    }
  })

  it('is kept from a second lab, even before its service listens on it', async () => {
    const first = await reservePorts(['A_PORT'])
    await expect(reservePorts(['A_PORT'], first.ports)).rejects.toThrow('is taken')
    await first[Symbol.asyncDispose]()
    await (await reservePorts(['A_PORT'], first.ports))[Symbol.asyncDispose]()
  })
})

it('starts processes of our own beside the stack, and ends them with it', async () => {
  const run = bringUp('plain.yaml')
  const system = await run.system
  const injector = await system.spawn('injector', { LAB_CONTROL_TOKEN: 'secret' })
  const [first] = (await once(injector.stdout, 'data')) as [Buffer]
  expect(JSON.parse(first.toString().split('\n')[0]!)).toEqual({ control: expect.any(Number) })
  expect(readEnviron(injector.pid!).get('LAB_RUN')).toBe(run.runId)
  await system[Symbol.asyncDispose]()
  expect(await injector.exited).toBeDefined()
  expect(remains(run.runId)).toEqual([])
  await expect(system.spawn('injector', {})).rejects.toThrow('being taken down')
})

it.each(['../x', '', 'a/b', 'a b'])('refuses %j as the id of a run', async (runId) => {
  const never = new AbortController().signal
  await expect(createLocal().up({ runId, files: [], env: {}, logDir: '/nowhere', signal: never, on: () => undefined })).rejects.toThrow('run id')
})

it('logs go to a file each, straight from the service', async () => {
  const run = bringUp('plain.yaml')
  await using system = await run.system
  const ready = run.events.find(({ type }) => type === 'log')
  expect(ready).toMatchObject({ service: 'a', replica: 1 })
  const path = readlinkSync(`/proc/${system.services[0]!.pid}/fd/1`)
  expect(existsSync(path) && readFileSync(path, 'utf8')).toContain('ready')
})
