import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { composeFiles, knobsOf, loadArchitecture } from '../../experiment/plan.ts'
import { externalsFor } from '../../experiment/plan-external.ts'
import { observeOptions, observingFiles } from '../../experiment/observing.ts'
import { EXIT, LabError } from '../../run/errors.ts'
import { askedRuntime, chooseRuntime } from '../../runtime/docker/choose.ts'
import { entryPath } from '../../runtime/entry.ts'
import type { RuntimeEvent } from '../../runtime/runtime.ts'
import type { Architecture, Caller } from '../../system/architecture.ts'
import { createContext } from '../../system/context.ts'
import { fetchLine } from '../fetch-line.ts'
import { envOf, listKept, type Kept, type KeeperMessage } from '../keeper.ts'

export async function upCommand(options: { arch: string; port: string; set: string[]; compose: string[]; runtime?: string; json?: boolean; observe?: boolean; traces?: string }): Promise<void> {
  const asked = askedRuntime(options.runtime)
  const architecture = await loadArchitecture(options.arch)
  const problems: string[] = []
  const knobs = knobsOf(architecture, options.set, problems)
  const observe = observeOptions(options, problems)
  const port = Number(options.port)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) problems.push(`--port ${options.port}: must be a whole number from 1 to 65535`)
  if (problems.length > 0) throw new LabError(EXIT.usage, problems.join('\n'), `lab list knobs --arch ${options.arch}`)
  const already = (await listKept()).find((kept) => kept.arch === options.arch)
  if (already !== undefined) throw new LabError(EXIT.usage, `${options.arch} is up already, at ${already.url}`, `lab down --arch ${options.arch}`)

  const files = [...composeFiles(architecture, knobs), ...observingFiles(options.observe), ...options.compose.map((file) => resolve(file))]
  externalsFor(architecture, knobs, files, process.env, problems)
  if (problems.length > 0) throw new LabError(EXIT.usage, problems.join('\n'))
  const { name } = await chooseRuntime(asked, files, new AbortController().signal, (line) => process.stderr.write(`lab: ${line}\n`))
  const words = ['keep', '--runtime', name, '--arch', options.arch, '--port', options.port, ...options.set.flatMap((pair) => ['--set', pair]), ...options.compose.flatMap((file) => ['--compose', file])]
  if (observe) words.push('--observe', '--traces', String(observe.oneIn))
  const keeper = spawn(process.execPath, [entryPath('cli'), ...words], { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  const interrupt = () => keeper.kill('SIGTERM')
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt)
  const kept = await standing(keeper)
  keeper.disconnect()
  keeper.unref()
  const tenant = await tenantOf(architecture, kept)
  process.stdout.write(options.json === true ? `${JSON.stringify({ ...kept, ...(tenant && { tenant }) })}\n` : describeKept(kept, tenant))
}

/**
 * Credentials of one caller, made for who asked, where one needs any. They go to stdout and nowhere else: the keeper has nothing of them, and
 * whoever needs them again asks again.
 */
async function tenantOf(architecture: Architecture, kept: Kept): Promise<Caller | undefined> {
  const context = createContext({ env: envOf(kept), knobs: kept.knobs, signal: new AbortController().signal })
  const [caller] = (await architecture.callers?.(context)) ?? []
  return caller?.owner === undefined ? undefined : caller
}

/** Resolves when the keeper says that the system is up; rejects with its reason otherwise. */
function standing(keeper: ChildProcess): Promise<Kept> {
  return new Promise((resolve, reject) => {
    let failure: LabError | undefined
    keeper.on('message', (message: KeeperMessage) => {
      if (message.type === 'up') resolve(message.kept)
      else if (message.type === 'failed') failure = new LabError(message.exitCode, message.message, message.hint)
      else progress(message.event)
    })
    keeper.on('exit', () => reject(failure ?? new LabError(EXIT.interrupted, 'interrupted: everything was torn down')))
    keeper.on('error', reject)
  })
}

function progress(event: RuntimeEvent): void {
  if (event.type === 'service-ready') process.stderr.write(`${event.service} ready after ${(event.tookMs / 1_000).toFixed(1)} s\n`)
  if (event.type === 'fetch') process.stderr.write(`${fetchLine(event)}\n`)
}

function describeKept({ arch, url, env, logDir }: Kept, tenant: Caller | undefined): string {
  const backends = Object.keys(env)
    .filter((name) => name.endsWith('_PORT') && name !== 'API_PORT')
    .map((name) => `  ${name.slice(0, -5).toLowerCase().padEnd(10)} ${env[name.replace(/_PORT$/, '_HOST')]}:${env[name]}`)
  return [`${arch} is up at ${url}`, `  live page  ${url}/${tenant ? ', which asks for the token below' : ''}`, `  orders     POST ${url}/api/${arch}/order`, `  dashboard  ${url}/api/dashboard`, `  described  ${url}/openapi.json`, ...backends, `  logs       ${logDir}`, ...(tenant ? describeTenant(tenant, url) : []), `stop it: lab down --arch ${arch}`, ''].join('\n')
}

function describeTenant({ owner, headers, readHeaders = headers }: Caller, url: string): string[] {
  const flags = (of: Record<string, string>) => Object.entries(of).map(([name, value]) => `-H '${name}: ${value}'`).join(' ')
  const order = JSON.stringify({ id: randomUUID(), type: 'order_placed', store: 'store-01', product: 'latte', amount: 3.5, timestamp: new Date().toISOString() })
  return [
    `as workspace ${owner}, with a key and a token made just now and kept nowhere (the token lasts a day):`,
    `  curl ${flags(headers)} -H 'Content-Type: application/json' -d '${order}' ${url}/v1/ingest`,
    `  curl ${flags(readHeaders)} '${url}/analytics?by=product'`,
    `  curl ${flags(readHeaders)} ${url}/api/dashboard`,
  ]
}
