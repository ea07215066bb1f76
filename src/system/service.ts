/**
 * Entry point of every process of the system: `node dist/service.js <role>`, with `LAB_ARCH=v2` in the environment.
 * Roles: `api`, `setup`, and those of the architecture. Prints a line with `ready` when it does its work.
 * Exit codes: 0 asked to stop, or done; 1 it cannot go on; 2 role, architecture or knobs are wrong.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { startApi } from './api.ts'
import type { Architecture } from './architecture.ts'
import { loadArchitecture } from './architectures/index.ts'
import { createContext, type Context } from './context.ts'
import { knobProblemLine, knobsFromEnv } from './knobs.ts'
import { serveMetrics, startProcessMetrics } from './metrics.ts'
import { suggest } from './suggest.ts'
import { startCollector } from './tracing/collector.ts'
import { tracingSettings, type TracingSettings } from './tracing/settings.ts'
import { createTracer } from './tracing/tracer.ts'

const STOP_WITHIN_MS = 6_000
/** How often a starting service looks whether it is ready. */
const READY_POLL_MS = 20

const role = process.argv[2] ?? ''
const log = (line: string): void => void process.stdout.write(`${new Date().toISOString()} ${role} ${line}\n`)

class BadUsage extends Error {}

async function main(): Promise<void> {
  if (role === 'collector') return await untilStopped(await startCollector(process.env, log))
  const architecture = await chooseArchitecture()
  const roles = ['api', 'setup', ...Object.keys(architecture.roles)]
  if (!roles.includes(role)) throw new BadUsage(`${architecture.id} has no role ${JSON.stringify(role)}. Allowed: ${roles.join(', ')}.${suggest(role, roles)}`)
  const parsed = knobsFromEnv(architecture, process.env)
  if (!parsed.ok) throw new BadUsage(parsed.problems.map(knobProblemLine).join('\n'))
  const stop = stopping()
  const settings = role === 'setup' ? undefined : tracing()
  await using tracer = settings && createTracer(settings, log)
  const context = createContext({ env: process.env, knobs: parsed.knobs, signal: stop.signal, role, log, tracer })
  if (role === 'setup') return await runSetup(architecture, context)
  await using _service = role === 'api' ? await runApi(architecture, context) : await runRole(architecture, context)
  if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener('abort', resolve))
  log(`stopping (${String(stop.signal.reason)})`)
  setTimeout(() => fail(`did not stop within ${STOP_WITHIN_MS} ms`, 1), STOP_WITHIN_MS).unref()
}

function stopping(): AbortController {
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort(name))
  return stop
}

function tracing(): TracingSettings | undefined {
  try {
    return tracingSettings(process.env, role)
  } catch (error) {
    throw new BadUsage((error as Error).message)
  }
}

async function untilStopped(service: AsyncDisposable): Promise<void> {
  await using _ = service
  const { signal } = stopping()
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
}

async function chooseArchitecture(): Promise<Architecture> {
  try {
    return await loadArchitecture(process.env['LAB_ARCH'] ?? '')
  } catch (error) {
    throw new BadUsage(`LAB_ARCH: ${(error as Error).message}`)
  }
}

async function runSetup(architecture: Architecture, context: Context): Promise<void> {
  await architecture.setup?.(context)
  log('done')
}

async function runApi(architecture: Architecture, context: Context): Promise<AsyncDisposable> {
  startProcessMetrics()
  // The replicas share the port of the API: what it tells is of any of them.
  const metrics = await serveMetricsHere()
  const port = Number(process.env['API_PORT'] ?? 8005)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new BadUsage(`API_PORT is ${JSON.stringify(process.env['API_PORT'])}: expected 0 to 65535`)
  const api = await startApi(architecture, context, { host: process.env['LAB_HOST'] ?? '127.0.0.1', port })
  log(`listening on ${api.url}`)
  while (!context.signal.aborted && !api.ready()) await sleep(READY_POLL_MS)
  log(`ready on ${api.url}, metrics on port ${metrics.port}`)
  return {
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]()
      await metrics[Symbol.asyncDispose]()
    },
  }
}

function serveMetricsHere(): ReturnType<typeof serveMetrics> {
  return serveMetrics(process.env['LAB_HOST'] ?? '127.0.0.1', Number(process.env['METRICS_PORT'] ?? 0))
}

async function runRole(architecture: Architecture, context: Context): Promise<AsyncDisposable> {
  startProcessMetrics()
  const metrics = await serveMetricsHere()
  const service = await architecture.roles[role]!(context)
  log(`ready, metrics on port ${metrics.port}`)
  return {
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]()
      await metrics[Symbol.asyncDispose]()
    },
  }
}

function fail(reason: string, code: number): never {
  process.stderr.write(`${new Date().toISOString()} ${role} ${reason}\n`)
  process.exit(code)
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message || error.name : String(error)).replace(/\s*\n\s*/g, ' ')
}

process.on('uncaughtException', (error) => fail(`fatal: ${oneLine(error)}\n${error.stack ?? ''}`, 1))
process.on('unhandledRejection', (error) => fail(`fatal: ${oneLine(error)}\n${error instanceof Error ? error.stack : ''}`, 1))
main().then(() => process.exit(0), (error: unknown) => fail(error instanceof BadUsage ? error.message : `fatal: ${oneLine(error)}`, error instanceof BadUsage ? 2 : 1))
