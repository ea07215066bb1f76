/**
 * The accept path at saturation: a bare node:http server that parses the same body, `null`, and architectures with everything behind their brokers
 * stopped, one after another in alternating rounds; then each with all of it running. The server's process is pinned to core 0, the generator
 * (unique bodies, 64 connections) and the brokers to core 1. `npm run bench:accept -- [rounds] [seconds] [architectures: v2 v3 v5]`
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { EVENTS, STREAM } from '../src/system/architectures/v2-redis-streams/names.ts'
import { loadArchitecture } from '../src/experiment/plan.ts'
import type { RunningService, System } from '../src/runtime/runtime.ts'
import { createContext } from '../src/system/context.ts'
import { defaultKnobs } from '../src/system/knobs.ts'
import { readStat, TICKS_PER_SECOND } from '../src/runtime/processes.ts'
import { median, row, stack, thousands } from './stack.ts'

const numbers = process.argv.slice(2).filter((word) => /^[\d.]+$/.test(word)).map(Number)
const named = process.argv.slice(2).filter((word) => !/^[\d.]+$/.test(word))
const [rounds = 5, seconds = 5] = numbers
/** What is behind the broker, by architecture, in the order in which it can be started again. */
const BEHIND: Record<string, readonly string[]> = { v1: [], v2: ['worker'], v3: ['jobmanager', 'taskmanager', 'sql-gateway', 'job', 'projector'], v5: ['consumer'] }
const archs = named.length > 0 ? named : ['v2']
for (const arch of archs) if (BEHIND[arch] === undefined) throw new Error(`${arch} has no accept path that can be measured alone; these have: ${Object.keys(BEHIND).join(', ')}`)
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

/** An architecture whose API answers while nothing takes away what it accepts. */
async function acceptingOnly(arch: string): Promise<Stopped> {
  const system = await stack(arch)
  for (const { service, pid } of system.services) if (service !== 'api' && pid !== undefined) pin(pid, 1)
  const behind = BEHIND[arch]!.flatMap((name) => system.services.filter(({ service }) => service === name))
  for (const service of [...behind].reverse()) await service.stop()
  const words = BEHIND[arch]!.length === 0 ? arch : `${arch}, ${BEHIND[arch]!.join(', ')} stopped`
  return { arch, system, subject: apiOf(system, words, `/api/${arch}`), behind }
}

interface Stopped {
  arch: string
  system: System
  subject: Subject
  behind: readonly RunningService[]
}

/** What was accepted and never stored; v2 keeps it in memory. */
async function forget({ arch, system }: Stopped): Promise<void> {
  if (arch !== 'v2') return
  const redis = new Redis({ host: system.env['REDIS_HOST'], port: Number(system.env['REDIS_PORT']) })
  await redis.del(STREAM, EVENTS)
  await redis.quit()
}

async function backlogOf({ arch, system }: Stopped): Promise<number> {
  const architecture = await loadArchitecture(arch)
  await using judge = await architecture.judge(createContext({ env: system.env, knobs: defaultKnobs(architecture), signal: new AbortController().signal }))
  return await judge.backlog()
}

await using systems = new AsyncDisposableStack()
const server = systems.use(await bare())
const none = systems.use(await stack('null'))
const stopped: Stopped[] = []
for (const arch of archs) {
  const one = await acceptingOnly(arch)
  systems.use(one.system)
  stopped.push(one)
}
const subjects: Subject[] = [server, apiOf(none, 'null', '/api/null'), ...stopped.map(({ subject }) => subject)]
const figures = new Map(subjects.map(({ name }) => [name, [] as Awaited<ReturnType<typeof round>>[]]))
// Not counted: a broker on a cold JVM is several times as slow as the same one a little later.
for (const subject of subjects) await round(subject)
for (const one of stopped) await forget(one)
for (let n = 0; n < rounds; n++) {
  for (const i of subjects.keys()) {
    const subject = subjects[(i + n) % subjects.length]!
    const figure = await round(subject)
    figures.get(subject.name)!.push(figure)
    process.stderr.write(`${subject.name}: ${thousands(figure.perSecond)}/s, ${figure.cpuUs.toFixed(1)} µs of CPU an order\n`)
  }
  for (const one of stopped) await forget(one)
}

const medianOf = (name: string | undefined) => median(figures.get(name ?? '')?.map((figure) => figure.perSecond) ?? [])
const reference = medianOf('null')
const v2 = medianOf(stopped.find(({ arch }) => arch === 'v2')?.subject.name)
row('server, on one core', 'median accepted/s', 'lowest – highest', '÷ null', '÷ v2', 'CPU µs per order')
row('---', '---:', '---:', '---:', '---:', '---:')
for (const [name, all] of figures) {
  const rates = all.map((figure) => figure.perSecond)
  row(name, thousands(median(rates)), `${thousands(Math.min(...rates))} – ${thousands(Math.max(...rates))}`, (median(rates) / reference).toFixed(2), Number.isFinite(v2) ? (median(rates) / v2).toFixed(2) : '–', median(all.map((figure) => figure.cpuUs)).toFixed(1))
}

process.stdout.write('\n')
for (const one of stopped) {
  if (one.behind.length === 0) continue
  for (const service of one.behind) await service.start()
  for (const { pid } of one.behind) if (pid !== undefined) pin(pid, 1)
  const running = await round(one.subject)
  process.stdout.write(`${one.arch} with ${BEHIND[one.arch]!.join(', ')} running beside it: ${thousands(running.perSecond)} accepted/s (${(running.perSecond / reference).toFixed(2)} × null), ${thousands(await backlogOf(one))} events of backlog after ${seconds + 1} s.\n`)
  for (const service of [...one.behind].reverse()) await service.stop()
}
