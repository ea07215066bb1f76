/**
 * The accept path at saturation: a bare node:http server that parses the same body, `null`, and v2 with its worker stopped,
 * one after another in alternating rounds; then v2 with its worker running. The server's process is pinned to core 0,
 * the generator (unique bodies, 64 connections) and Redis to core 1. `npm run bench:accept -- [rounds] [seconds]`
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { EVENTS, STREAM } from '../src/system/architectures/v2-redis-streams/names.ts'
import { createOrderStream } from '../src/system/architectures/v2-redis-streams/stream.ts'
import type { System } from '../src/runtime/runtime.ts'
import { readStat, TICKS_PER_SECOND } from '../src/runtime/processes.ts'
import { median, row, stack, thousands } from './stack.ts'

const [rounds = 5, seconds = 5] = process.argv.slice(2).map(Number)
const CONNECTIONS = 64
const root = fileURLToPath(new URL('..', import.meta.url))

interface Subject {
  name: string
  port: number
  path: string
  pid: number
}

const pin = (pid: number, core: number) => execFileSync('taskset', ['-a', '-cp', String(core), String(pid)], { stdio: 'ignore' })
const cpuSeconds = (pid: number) => readStat(pid)!.cpuTicks / TICKS_PER_SECOND

/** Orders accepted per second, and CPU-microseconds of the server per order. */
async function round({ port, path, pid }: Subject): Promise<{ perSecond: number; cpuUs: number }> {
  const child = spawn('taskset', ['-c', '1', process.execPath, `${root}bench/injector-peak.ts`, String(port), String(CONNECTIONS), String(seconds), path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const before = { cpu: cpuSeconds(pid), atMs: performance.now() }
  const exited = once(child, 'exit').then(() => {
    throw new Error(`the generator ended without a figure for ${path}`)
  })
  exited.catch(() => undefined)
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), exited])) as [string]
  const perSecond = Number(line)
  const busy = cpuSeconds(pid) - before.cpu
  return { perSecond, cpuUs: (busy / ((perSecond * (performance.now() - before.atMs)) / 1_000)) * 1e6 }
}

function apiOf(system: System, name: string, path: string): Subject {
  const api = system.services.find((service) => service.service === 'api')!
  pin(api.pid!, 0)
  return { name, port: Number(system.env['API_PORT']), path, pid: api.pid! }
}

async function bare(): Promise<Subject & AsyncDisposable> {
  const child = spawn('taskset', ['-c', '0', process.execPath, `${root}bench/bare-server.ts`], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return {
    name: 'bare node:http, body parsed',
    port: Number(line),
    path: '/api/bench',
    pid: child.pid!,
    async [Symbol.asyncDispose]() {
      child.kill()
      await once(child, 'exit')
    },
  }
}

await using server = await bare()
await using none = await stack('null')
await using v2 = await stack('v2')
const worker = v2.services.find((service) => service.service === 'worker')!
await worker.stop()
for (const { service, pid } of v2.services) if (service === 'redis' || service === 'postgres') pin(pid!, 1)
const redis = new Redis({ host: v2.env['REDIS_HOST'], port: Number(v2.env['REDIS_PORT']) })
const subjects: Subject[] = [server, apiOf(none, 'null', '/api/null'), apiOf(v2, 'v2, worker stopped', '/api/v2')]
const figures = new Map(subjects.map(({ name }) => [name, [] as Awaited<ReturnType<typeof round>>[]]))
for (let n = 0; n < rounds; n++) {
  for (const i of subjects.keys()) {
    const subject = subjects[(i + n) % subjects.length]!
    const figure = await round(subject)
    figures.get(subject.name)!.push(figure)
    process.stderr.write(`${subject.name}: ${thousands(figure.perSecond)}/s, ${figure.cpuUs.toFixed(1)} µs of CPU an order\n`)
  }
  await redis.del(STREAM, EVENTS)
}

const reference = median(figures.get('null')!.map((figure) => figure.perSecond))
row('server, on one core', 'median accepted/s', 'lowest – highest', '÷ null', 'CPU µs per order')
row('---', '---:', '---:', '---:', '---:')
for (const [name, all] of figures) {
  const rates = all.map((figure) => figure.perSecond)
  row(name, thousands(median(rates)), `${thousands(Math.min(...rates))} – ${thousands(Math.max(...rates))}`, (median(rates) / reference).toFixed(2), median(all.map((figure) => figure.cpuUs)).toFixed(1))
}

await worker.start()
const running = await round(subjects[2]!)
const backlog = await createOrderStream(redis).backlog()
process.stdout.write(`\nWith the worker running beside it: ${thousands(running.perSecond)} accepted/s (${(running.perSecond / reference).toFixed(2)} × null), ${thousands(backlog)} events of backlog after ${seconds + 1} s.\n`)
redis.disconnect()
