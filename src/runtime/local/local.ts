import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { containersOnly, portVariables, readComposeFiles, readStack, withAddresses, without, type ComposeService, type ProviderName, type Stack } from '../compose.ts'
import { endProcesses } from '../end-processes.ts'
import { EXIT, LabError } from '../../run/errors.ts'
import { entryPath } from '../entry.ts'
import { withoutExternal } from '../external/stack.ts'
import { controlPort, linkOf, linkPort, planLinks, withLinks } from '../links.ts'
import { makeRunFolder, removeRunFolder, runFolder } from '../run-folder.ts'
import { processesOfRun, runMarks, self } from '../run-mark.ts'
import type { Runtime, RuntimeEvent, StackRequest, System } from '../runtime.ts'
import { startWatchdog } from '../watchdog-pipe.ts'
import { bringUp, takeDown } from './bring-up.ts'
import { clickhouse } from './clickhouse.ts'
import { flink } from './flink.ts'
import { kafka } from './kafka.ts'
import { node } from './node.ts'
import { reservePorts } from './ports.ts'
import { postgres } from './postgres.ts'
import { prometheus } from './prometheus.ts'
import { hostVariable, type Backend, type Provider } from './provider.ts'
import { rabbitmq } from './rabbitmq.ts'
import { redis } from './redis.ts'
import { createReplica, type Replica } from './replica.ts'
import { createSystem, SHARED_DATA } from './system.ts'
import { createUndo } from './undo.ts'

export const providers = { clickhouse, flink, kafka, node, postgres, prometheus, rabbitmq, redis } satisfies Partial<Record<ProviderName, Provider>>

const READY_WITHIN_MS = 60_000

/** Everything as plain processes on this machine: no Docker, no root. */
export const local: Runtime = createLocal()

/** @param readyWithinMs how long each service may take until it is ready */
export function createLocal({ readyWithinMs = READY_WITHIN_MS } = {}): Runtime {
  return { name: 'local', up: (request) => up(request, readyWithinMs) }
}

async function up(request: StackRequest, readyWithinMs: number): Promise<System> {
  const { runId, signal } = request
  signal.throwIfAborted()
  // It becomes the name of a folder that is removed at the end.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/.test(runId)) throw new Error(`run id ${JSON.stringify(runId)}: letters, digits, dots, dashes and underscores only`)
  const files = readComposeFiles(request.files)
  await using undo = createUndo()
  const leftOut = new Set([...containersOnly(files), ...(request.without ?? [])])
  const links = request.links?.length ? planLinks(readStack(files, request.env), request.links) : []
  const wanted = [...Object.keys(portVariables(files, leftOut)), ...links.flatMap((link) => [linkPort(link), controlPort(link)])]
  const reservation = undo.use(await reservePorts(wanted, request.apiPort === undefined ? {} : { API_PORT: request.apiPort }))
  const addresses = { ...addressesOf(reservation.ports), ...request.external?.env }
  const at = (variable: string): string => `127.0.0.1:${addresses[variable]}`
  const dataFolder = join(runFolder(runId), SHARED_DATA)
  // Where there is a link, it is what clients find under the service's name.
  const shown = Object.fromEntries(links.flatMap((link) => (link.isApi ? [] : [[link.variable, addresses[linkPort(link)]!]])))
  const read = withoutExternal(without(readStack(files, { ...withAddresses(request.env, { ...addresses, DATA_FOLDER: dataFolder }), ...shown }), leftOut), request.external)
  const stack = withLinks(read, links, (link) => ({ listen: at(linkPort(link)), target: at(link.variable), control: at(controlPort(link)), entry: entryPath('link') }))
  const chosen = chooseProviders(stack)

  mkdirSync(request.logDir, { recursive: true })
  const folder = runFolder(runId)
  const watchdog = undo.use(await startWatchdog(runId, folder, join(request.logDir, 'watchdog.log')))
  // From here on whatever happens, nothing is left: what is undone last is what is set up first.
  makeRunFolder(folder)
  mkdirSync(dataFolder, { mode: 0o700 })
  undo.defer(() => sweep(runId, folder))

  const marks = runMarks(runId, self())
  const replicas: Replica[] = []
  undo.defer(() => takeDown(stack, replicas))
  const emit = (event: RuntimeEvent): void => request.on(event)
  const backends: Record<string, Backend> = {}
  const make = (name: string, replica: number): Replica => {
    const service = stack.services[name]!
    const logPath = join(request.logDir, service.replicas > 1 || replica > 1 ? `${name}-${replica}.log` : `${name}.log`)
    const made = createReplica({ service, replica, backend: backends[name]!, logPath, marks, emit, tell: watchdog.tell, readyWithinMs })
    made.link = linkOf(links, name, (link) => `http://${at(controlPort(link))}`)
    return made
  }
  const preparing = stack.order.map(async (name) => {
    const service = stack.services[name]!
    backends[name] = await chosen[name]!.prepare(service, { addresses, services: stack.services, folder: join(folder, name), marks, signal, onFetch: emit })
    return Array.from({ length: service.replicas }, (_, index) => make(name, index + 1))
  })
  const prepared = await Promise.allSettled(preparing)
  for (const result of prepared) if (result.status === 'fulfilled') replicas.push(...result.value)
  for (const result of prepared) if (result.status === 'rejected') throw result.reason
  await bringUp(stack, replicas, signal)

  const api = links.find(({ isApi }) => isApi)
  return createSystem({ stack, replicas, make, addresses, loadPort: addresses[api ? linkPort(api) : 'API_PORT'], folder, logDir: request.logDir, marks, tell: watchdog.tell, down: undo.move() })
}

/** Fetches and makes ahead all that bringing these compose files up needs on this machine (`lab setup`). Idempotent. */
export async function setup(files: readonly string[], signal: AbortSignal, on: (event: RuntimeEvent) => void): Promise<void> {
  const read = readComposeFiles(files)
  const stack = without(readStack(read, addressesOf(portVariables(read))), new Set(containersOnly(read)))
  const chosen = chooseProviders(stack)
  const io = { marks: runMarks(`setup-${process.pid}`, self()), signal, onFetch: on }
  await Promise.all(stack.order.map((name) => chosen[name]!.install(stack.services[name]!, io)))
}

/** `REDIS_PORT` and its `REDIS_HOST`. */
function addressesOf(ports: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(ports).flatMap(([name, port]) => [[name, String(port)], [hostVariable(name), '127.0.0.1']]))
}

function chooseProviders(stack: Stack): Record<string, Provider> {
  const known: Partial<Record<ProviderName, Provider>> = providers
  const missing = Object.values(stack.services).filter(({ provider }) => known[provider] === undefined)
  if (missing.length > 0) {
    const says = missing.map(({ name, provider }) => `${name} (${provider})`).join(', ')
    throw new LabError(EXIT.usage, `the local runtime cannot run ${says}; it can run: ${Object.keys(known).join(', ')}`)
  }
  return Object.fromEntries(Object.values(stack.services).map((service: ComposeService) => [service.name, known[service.provider]!]))
}

/** The last of every end: whatever still carries the mark of the run, and its data. @throws naming what does not go away */
async function sweep(runId: string, folder: string): Promise<void> {
  const left = await endProcesses(() => processesOfRun(runId, folder), { graceMs: 0, withinMs: 3_000 })
  await removeRunFolder(folder)
  if (left.length > 0) throw new Error(`processes ${left.map(({ pid }) => pid).join(', ')} of run ${runId} do not end; \`lab clean\` tries again`)
}
