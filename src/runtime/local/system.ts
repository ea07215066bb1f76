import { lstatSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Stack } from '../compose.ts'
import { listProcesses, type ProcessId } from '../processes.ts'
import type { System } from '../runtime.ts'
import { startLabProcess } from './lab-process.ts'
import type { Replica } from './replica.ts'
import { createScaling } from './scaling.ts'

/** The part of the run's folder in which services of ours share files: a volume of the compose files, `DATA_FOLDER` in them. */
export const SHARED_DATA = 'data'

export interface SystemParts {
  stack: Stack
  /** All there is to take down; scaling changes it. */
  replicas: Replica[]
  /** A replica of the service, not started. */
  make(service: string, number: number): Replica
  addresses: Record<string, string>
  /** Where injectors and subscribers find the api. */
  loadPort: string | undefined
  folder: string
  logDir: string
  marks: Record<string, string>
  tell(process: ProcessId): void
  /** Ends everything that was set up before, in reverse order. */
  down: AsyncDisposable
}

export function createSystem({ stack, replicas, make, addresses, loadPort, folder, logDir, marks, tell, down }: SystemParts): System {
  const running = replicas.filter(({ service }) => !stack.services[service]!.oneShot)
  const scaling = createScaling({ stack, replicas, running, make })
  const beside: AsyncDisposable[] = []
  let spawned = 0
  let disposed: Promise<void> | undefined
  const urlAt = (port: string | undefined): string => {
    if (!port) throw new Error('no service of this stack has API_PORT among its x-lab.ports')
    return `http://${addresses.API_HOST}:${port}`
  }
  return {
    env: addresses,
    services: running,
    scale: scaling.scale,
    get apiUrl() {
      return urlAt(addresses.API_PORT)
    },
    get loadUrl() {
      return urlAt(loadPort)
    },
    async spawn(entry, env) {
      if (disposed) throw new Error(`cannot start ${entry}: the system is being taken down`)
      spawned += 1
      const process = await startLabProcess(entry, { ...env, ...marks }, join(logDir, spawned === 1 ? `${entry}.log` : `${entry}-${spawned}.log`), tell)
      beside.push(process)
      return process
    },
    async usage() {
      const all = listProcesses()
      return running.map((replica) => ({ service: replica.service, replica: replica.replica, ...replica.usage(all) }))
    },
    async dataBytes() {
      const stores = Object.values(stack.services).filter(({ provider }) => provider !== 'node')
      const folders = [...stores.map(({ name }) => name), SHARED_DATA]
      const bytes = await Promise.all(folders.map(async (name) => [name, await bytesUnder(join(folder, name))] as const))
      return Object.fromEntries(bytes.filter(([name, size]) => name !== SHARED_DATA || size > 0))
    },
    [Symbol.asyncDispose]() {
      disposed ??= (async () => {
        await Promise.allSettled([scaling.stop(), ...beside.map((process) => process[Symbol.asyncDispose]())])
        await down[Symbol.asyncDispose]()
      })()
      return disposed
    },
  }
}

/** What its files take on the disk. Files that come and go meanwhile count as they are met. */
async function bytesUnder(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => lstatSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.blocks ?? 0)
    .reduce((sum, blocks) => sum + blocks * 512, 0)
}
