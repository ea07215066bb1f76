import { join } from 'node:path'
import type Docker from 'dockerode'
import type { ComposeService } from '../compose.ts'
import { ServiceFailed } from '../errors.ts'
import { reservePorts } from '../local/ports.ts'
import { createLives, nameOf } from '../lives.ts'
import type { Managed } from '../managed.ts'
import type { RuntimeEvent } from '../runtime.ts'
import { cpuCut, disconnected, memorySqueezed } from './constraints.ts'
import { containerConfig, METRICS_PORT, type Setting } from './container-config.ts'
import type { ContainerPart } from './container-part.ts'
import { explained, isStatus, type Engine } from './engine.ts'
import { exitOf, type Exits } from './exits.ts'
import { createContainerLog } from './logs.ts'
import { readinessOf, VERSIONS, type Readiness } from './readiness.ts'
import { readUsage, type ContainerUsage } from './stats.ts'

/** One container of a service, over all its lives. */
export interface ContainerReplica extends Managed {
  /** Makes the container, once; the engine has its image, and the network is there. */
  create(): Promise<void>
  container(): Docker.Container
  /** Port inside → port it is published on. */
  published: Readonly<Record<number, number>>
  usage(): Promise<ContainerUsage>
}

export interface ReplicaParts {
  engine: Engine
  setting: Setting
  service: ComposeService
  part: ContainerPart
  replica: number
  image: string
  /** Ports it must be published on, by variable. */
  fixed: Readonly<Record<string, number>>
  logDir: string
  exits: Exits
  emit(event: RuntimeEvent): void
  readyWithinMs: number
}

export function createContainerReplica(parts: ReplicaParts): ContainerReplica {
  const { engine, service, part, replica, emit } = parts
  const { docker } = engine
  const name = nameOf(service, replica)
  const who = { service: service.name, replica }
  const logPath = join(parts.logDir, `${name}.log`)
  const published: Record<number, number> = {}
  let reservation: AsyncDisposable | undefined
  let made: Docker.Container | undefined
  let readiness: Readiness | undefined
  let creating: Promise<void> | undefined
  let paused = false

  const log = createContainerLog({ docker, path: logPath, onLine: (line) => lives.heard(line), onShown: (line) => emit({ type: 'log', ...who, line }) })
  const failed = (what: string): ServiceFailed => new ServiceFailed(name, what, log.lastLines(), logPath)
  const at = (port: number | undefined): string | undefined => (port === undefined ? undefined : `http://${engine.reachAddress}:${port}`)
  const container = (): Docker.Container => {
    if (!made) throw new Error(`service ${name} has no container yet`)
    return made
  }

  const lives = createLives({
    service, replica, emit, failed,
    readyWithinMs: parts.readyWithinMs,
    readyPollMs: () => readiness!.everyMs,
    versionIn: VERSIONS[service.provider],
    prepare: () => create(),
    async begin(life) {
      paused = false
      const ready = at(service.ports.API_PORT === undefined ? undefined : published[service.ports.API_PORT])
      readiness = readinessOf(docker, container(), service.provider, part, ready && `${ready}/readyz`)
      try {
        await container().start()
        const { State } = await container().inspect()
        life.pid = State.Pid || undefined
        await log.follow(container(), State.StartedAt)
      } catch (error) {
        throw explained(error, `starting ${name}`) === error ? failed(`could not be started (${(error as Error).message})`) : explained(error, `starting ${name}`)
      }
    },
    isReady: ({ lines }) => readiness!.isReady((pattern) => lines.some((line) => pattern.test(line))),
    onReady: () => undefined,
    kill: killed,
    drained: () => log.drained(),
    lastLines: () => log.lastLines(),
  })

  const create = (): Promise<void> => (creating ??= createOnce())

  async function createOnce(): Promise<void> {
    const inside: Record<string, number> = { ...service.ports, ...(service.provider === 'node' && !service.oneShot && { METRICS: METRICS_PORT }) }
    const reserved = await reservePorts(Object.keys(inside), replica === 1 ? parts.fixed : {})
    reservation = reserved
    for (const [variable, port] of Object.entries(inside)) published[port] = reserved.ports[variable]!
    made = await docker.createContainer(containerConfig({ service, part, replica, image: parts.image, published }, parts.setting)).catch((error: unknown) => {
      throw explained(error, `making the container of ${name}`)
    })
    parts.exits.on(made.id, (code) => {
      const life = lives.current()
      if (life) void lives.ended(life, exitOf(code))
    })
  }

  /** SIGKILL; a container that does not run is as it should be. */
  async function killed(): Promise<void> {
    await container().kill({ signal: 'SIGKILL' }).catch(unless(404, 409))
  }

  async function resume(): Promise<void> {
    if (!paused) return
    paused = false
    await container().unpause().catch(unless(404, 409, 500))
  }

  async function stopped(graceMs: number): Promise<void> {
    const now = await lives.letGo()
    if (!now) return
    await resume()
    await container().stop({ t: Math.ceil(graceMs / 1_000) }).catch(unless(304, 404))
    await lives.isOver(now)
  }

  return {
    ...who,
    published,
    create,
    container,
    get pid() {
      return lives.current()?.pid
    },
    get metricsUrl() {
      const port = at(lives.current()?.isReady ? published[METRICS_PORT] : undefined)
      return port && `${port}/metrics`
    },
    launch: lives.launch,
    ready: lives.ready,
    completed: lives.completed,
    kill: lives.kill,
    stop: () => stopped(service.stopGraceMs),
    start: lives.start,
    async pause() {
      if (!lives.current()) return
      paused = true
      await container().pause()
    },
    resume,
    async deprive(of) {
      if (of.what === 'network') return disconnected(docker, container(), service.name, parts.setting)
      return of.what === 'memory' ? memorySqueezed(docker, container(), of.share, part) : cpuCut(container(), of.cores, part)
    },
    async usage() {
      if (!lives.current() || !made) return { cpuSeconds: lives.cpuSeconds(), rssBytes: 0, processes: 0 }
      const now = await readUsage(made).catch(() => ({ cpuSeconds: 0, rssBytes: 0, processes: 0 }))
      return { ...now, cpuSeconds: lives.cpuSeconds(now.cpuSeconds) }
    },
    async discard(graceMs) {
      lives.discard()
      // What has been asked of the engine comes to be, so it is awaited.
      await creating?.catch(() => undefined)
      const now = await lives.letGo()
      // A store's data go with it: it is not asked to save them. Services of ours finish what they have in hand.
      if (now && service.provider === 'node' && graceMs > 0) await stopped(graceMs).catch(() => undefined)
      await made?.remove({ force: true, v: true }).catch(() => undefined)
      if (now) await lives.isOver(now)
      await log[Symbol.asyncDispose]()
      await reservation?.[Symbol.asyncDispose]()
    },
  }
}

function unless(...codes: number[]): (error: unknown) => void {
  return (error) => {
    if (!isStatus(error, ...codes)) throw error
  }
}
