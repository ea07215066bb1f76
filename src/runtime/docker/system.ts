import { join } from 'node:path'
import type { Stack } from '../compose.ts'
import { createScaling } from '../local/scaling.ts'
import type { System } from '../runtime.ts'
import type { Setting } from './container-config.ts'
import type { ContainerPart } from './container-part.ts'
import type { ContainerReplica } from './container-replica.ts'
import type { Engine } from './engine.ts'
import { execIn } from './exec.ts'
import { startLabContainer } from './lab-container.ts'

export interface DockerSystemParts {
  engine: Engine
  setting: Setting
  stack: Stack
  parts: Readonly<Record<string, ContainerPart>>
  /** All there is to take down; scaling changes it. */
  replicas: ContainerReplica[]
  make(service: string, number: number): ContainerReplica
  addresses: Record<string, string>
  /** By which name injectors and subscribers find the api, when not by its own. */
  loadHost: string | undefined
  labImage: string
  logDir: string
  /** Ends everything that was set up before, in reverse order. */
  down: AsyncDisposable
}

const DU_LIMIT_MS = 10_000

export function createDockerSystem(system: DockerSystemParts): System {
  const { engine, setting, stack, replicas, make, addresses, loadHost, labImage, logDir, down } = system
  const running = replicas.filter(({ service }) => !stack.services[service]!.oneShot)
  const scaling = createScaling({ stack, replicas, running, make })
  const beside: AsyncDisposable[] = []
  const spawned: Record<string, number> = {}
  let disposed: Promise<void> | undefined
  const api = Object.values(stack.services).find(({ ports }) => ports.API_PORT !== undefined)
  const apiOr = (): NonNullable<typeof api> => {
    if (!api) throw new Error('no service of this stack has API_PORT among its x-lab.ports')
    return api
  }
  return {
    env: addresses,
    services: running,
    scale: scaling.scale,
    get apiUrl() {
      apiOr()
      return `http://${addresses.API_HOST}:${addresses.API_PORT}`
    },
    get loadUrl() {
      const { name, ports } = apiOr()
      return `http://${loadHost ?? name}:${ports.API_PORT}`
    },
    async spawn(entry, env) {
      if (disposed) throw new Error(`cannot start ${entry}: the system is being taken down`)
      const number = (spawned[entry] = (spawned[entry] ?? 0) + 1)
      const process = await startLabContainer({ engine, setting, image: labImage, entry, number, env, logPath: join(logDir, number === 1 ? `${entry}.log` : `${entry}-${number}.log`) })
      beside.push(process)
      return process
    },
    usage: () => Promise.all(running.map(async (replica) => ({ service: replica.service, replica: replica.replica, ...(await replica.usage()) }))),
    dataBytes: () => dataBytes(system, running),
    [Symbol.asyncDispose]() {
      disposed ??= (async () => {
        await Promise.allSettled([scaling.stop(), ...beside.map((process) => process[Symbol.asyncDispose]())])
        await down[Symbol.asyncDispose]()
      })()
      return disposed
    },
  }
}

/** Of stores what is in their volumes, and of named volumes what is in them, each asked of a container that sees it. */
async function dataBytes({ engine, stack, parts }: DockerSystemParts, running: readonly ContainerReplica[]): Promise<Record<string, number>> {
  const stores = running.filter(({ service }) => stack.services[service]!.provider !== 'node')
  const shared = Object.keys(stack.volumes).flatMap((name) => {
    const holder = running.find(({ service, pid }) => pid !== undefined && parts[service]!.volumes.some((volume) => volume.name === name))
    const path = holder && parts[holder.service]!.volumes.find((volume) => volume.name === name)!.path
    return path === undefined ? [] : [bytesIn(engine, holder!, [path]).then((bytes) => [name, bytes] as const)]
  })
  const own = stores.map(async (replica) => {
    const mounts = await replica.container().inspect().then(({ Mounts }) => Mounts.filter(({ Type }) => Type === 'volume').map(({ Destination }) => Destination), () => [])
    return [replica.service, await bytesIn(engine, replica, mounts)] as const
  })
  return Object.fromEntries(await Promise.all([...own, ...shared]))
}

/** What its files take on the disk; 0 where the container does not run, or has no `du`. */
async function bytesIn({ docker }: Engine, replica: ContainerReplica, paths: readonly string[]): Promise<number> {
  if (paths.length === 0) return 0
  const { text } = await execIn(docker, replica.container(), ['du', '-sk', ...paths], DU_LIMIT_MS).catch(() => ({ text: '' }))
  return [...text.matchAll(/^(\d+)\s/gm)].reduce((sum, [, kib]) => sum + Number(kib) * 1024, 0)
}
