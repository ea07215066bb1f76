import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { ComposeService } from '../compose.ts'
import { ServiceFailed } from '../errors.ts'
import { reservePorts } from '../local/ports.ts'
import { restartDelayMs, restarts } from '../local/replica.ts'
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

const STEADY_AFTER_MS = 10_000
const ONE_SHOT_WITHIN_MS = 120_000
const POLL_MS = 15
/** Of the engine itself: to say that a container it was told to kill has ended. */
const ENDS_WITHIN_MS = 10_000

interface Life {
  startedAtMs: number
  pid?: number
  /** The lab or a fault is ending it. */
  expected: boolean
  /** What it printed until it was ready, the newest 100. */
  lines: string[]
  isReady: boolean
}

export function createContainerReplica(parts: ReplicaParts): ContainerReplica {
  const { engine, service, part, replica, emit } = parts
  const { docker } = engine
  const name = service.replicas > 1 || replica > 1 ? `${service.name}-${replica}` : service.name
  const who = { service: service.name, replica }
  const logPath = join(parts.logDir, `${name}.log`)
  const published: Record<number, number> = {}
  let reservation: AsyncDisposable | undefined
  let made: Docker.Container | undefined
  let readiness: Readiness | undefined
  let life: Life | undefined
  let over: { code: number | null; signal: string | null } | undefined
  let creating: Promise<void> | undefined
  let launching: Promise<void> | undefined
  /** An exit that came before the engine had answered to the start. */
  let early: { code: number | undefined } | undefined
  let starting = false
  let restartTimer: NodeJS.Timeout | undefined
  let restarting = false
  let attempts = 0
  let wanted = false
  let paused = false
  let discarded = false
  const cpu = { before: 0, seen: 0 }

  const log = createContainerLog({
    docker,
    path: logPath,
    onLine(line) {
      if (life && !life.isReady) life.lines = [...life.lines.slice(-99), line]
    },
    onShown: (line) => emit({ type: 'log', ...who, line }),
  })
  const failed = (what: string): ServiceFailed => new ServiceFailed(name, what, log.lastLines(), logPath)
  const at = (port: number | undefined): string | undefined => (port === undefined ? undefined : `http://${engine.reachAddress}:${port}`)
  const container = (): Docker.Container => {
    if (!made) throw new Error(`service ${name} has no container yet`)
    return made
  }

  const create = (): Promise<void> => (creating ??= createOnce())

  async function createOnce(): Promise<void> {
    const inside: Record<string, number> = { ...service.ports, ...(service.provider === 'node' && !service.oneShot && { METRICS: METRICS_PORT }) }
    const reserved = await reservePorts(Object.keys(inside), replica === 1 ? parts.fixed : {})
    reservation = reserved
    for (const [variable, port] of Object.entries(inside)) published[port] = reserved.ports[variable]!
    made = await docker.createContainer(containerConfig({ service, part, replica, image: parts.image, published }, parts.setting)).catch((error: unknown) => {
      throw explained(error, `making the container of ${name}`)
    })
    parts.exits.on(made.id, (code) => (starting ? (early = { code }) : void ended(code)))
    const ready = at(service.ports.API_PORT === undefined ? undefined : published[service.ports.API_PORT])
    readiness = readinessOf(docker, made, service.provider, part, ready && `${ready}/readyz`)
  }

  const launch = (): Promise<void> => (launching ??= launchOnce().finally(() => (launching = undefined)))

  async function launchOnce(): Promise<void> {
    clearTimeout(restartTimer)
    if (life || discarded) return
    await create()
    if (discarded) return
    wanted = true
    const started: Life = { startedAtMs: performance.now(), expected: false, lines: [], isReady: false }
    life = started
    over = undefined
    restarting = false
    starting = true
    try {
      await container().start()
      const { State } = await container().inspect()
      started.pid = State.Pid || undefined
      await log.follow(container(), State.StartedAt)
    } catch (error) {
      life = undefined
      throw explained(error, `starting ${name}`) === error ? failed(`could not be started (${(error as Error).message})`) : explained(error, `starting ${name}`)
    } finally {
      starting = false
    }
    emit({ type: 'service-started', ...who, pid: started.pid })
    if (early) await ended(early.code)
    early = undefined
  }

  async function ended(engineCode: number | undefined): Promise<void> {
    const of = life
    if (!of) return
    await log.drained()
    if (life !== of) return
    cpu.before += cpu.seen
    cpu.seen = 0
    paused = false
    over = exitOf(engineCode)
    life = undefined
    if (performance.now() - of.startedAtMs >= STEADY_AFTER_MS) attempts = 0
    const succeeded = service.oneShot && over.code === 0
    restarting = wanted && !discarded && !succeeded && engineCode !== undefined && restarts(service.restart, over.code, attempts)
    emit({ type: 'service-exited', ...who, ...over, expected: of.expected || succeeded, willRestart: restarting, lastLines: log.lastLines() })
    if (!restarting) return
    attempts += 1
    const attempt = attempts
    restartTimer = setTimeout(() => void restart(attempt), restartDelayMs(attempt))
  }

  /** What goes wrong here shows as another exit, which decides anew; one that hangs is ended, so that it does, too. */
  async function restart(attempt: number): Promise<void> {
    emit({ type: 'service-restarted', ...who, attempt })
    try {
      await launch()
      if (!service.oneShot) await ready(AbortSignal.timeout(parts.readyWithinMs + 5_000))
    } catch {
      restarting = restarting && life !== undefined
      if (life) await killed()
    }
  }

  async function ready(signal: AbortSignal): Promise<void> {
    const began = performance.now()
    for (;;) {
      signal.throwIfAborted()
      const now = life
      if (now?.isReady) return
      if (!now && !restarting) throw failed(howItEnded(over))
      if (now && !starting && (await readiness!.isReady((pattern) => now.lines.some((line) => pattern.test(line)))) && life === now) {
        if (now.isReady) return
        now.isReady = true
        emit({ type: 'service-ready', ...who, tookMs: Math.round(performance.now() - now.startedAtMs), version: versionIn(now.lines, VERSIONS[service.provider]) })
        now.lines = []
        return
      }
      if (performance.now() - began > parts.readyWithinMs) throw failed(`was not ready within ${parts.readyWithinMs / 1_000} s`)
      await sleep(readiness!.everyMs, undefined, { signal })
    }
  }

  async function completed(signal: AbortSignal): Promise<void> {
    const began = performance.now()
    while (life || restarting) {
      if (performance.now() - began > ONE_SHOT_WITHIN_MS) throw failed(`did not end within ${ONE_SHOT_WITHIN_MS / 1_000} s`)
      await sleep(POLL_MS, undefined, { signal })
    }
    if (over?.code !== 0) throw failed(howItEnded(over))
  }

  async function isOver(of: Life): Promise<void> {
    const began = performance.now()
    while (life === of && performance.now() - began < ENDS_WITHIN_MS) await sleep(10)
  }

  /** SIGKILL; a container that does not run is as it should be. */
  async function killed(): Promise<void> {
    await container().kill({ signal: 'SIGKILL' }).catch(unless(404, 409))
  }

  /** It is not brought back by its policy any more. */
  async function letGo(): Promise<Life | undefined> {
    clearTimeout(restartTimer)
    restarting = false
    wanted = false
    await launching?.catch(() => undefined)
    if (life) life.expected = true
    return life
  }

  async function stopped(graceMs: number): Promise<void> {
    const now = await letGo()
    if (!now) return
    if (paused) await container().unpause().catch(unless(404, 409, 500))
    await container().stop({ t: Math.ceil(graceMs / 1_000) }).catch(unless(304, 404))
    await isOver(now)
  }

  return {
    ...who,
    published,
    create,
    container,
    get pid() {
      return life?.pid
    },
    get metricsUrl() {
      const port = at(life?.isReady ? published[METRICS_PORT] : undefined)
      return port && `${port}/metrics`
    },
    launch,
    ready,
    completed,
    async kill({ hold = false } = {}) {
      if (hold) await letGo()
      const now = life
      if (now) {
        now.expected = true
        await killed()
        await isOver(now)
      }
      return { willRestart: restarting }
    },
    stop: () => stopped(service.stopGraceMs),
    async start() {
      if (discarded) throw new Error(`service ${name} belongs to a system that is being taken down`)
      attempts = 0
      await launch()
      await ready(AbortSignal.timeout(parts.readyWithinMs + 5_000))
    },
    async pause() {
      if (!life) return
      paused = true
      await container().pause()
    },
    async resume() {
      if (!paused) return
      paused = false
      await container().unpause().catch(unless(404, 409, 500))
    },
    async deprive(of) {
      if (of.what === 'network') return disconnected(docker, container(), service.name, parts.setting)
      return of.what === 'memory' ? memorySqueezed(docker, container(), of.share, part) : cpuCut(container(), of.cores, part)
    },
    async usage() {
      if (!life || !made) return { cpuSeconds: cpu.before, rssBytes: 0, processes: 0 }
      const now = await readUsage(made).catch(() => ({ cpuSeconds: cpu.seen, rssBytes: 0, processes: 0 }))
      cpu.seen = Math.max(cpu.seen, now.cpuSeconds)
      return { ...now, cpuSeconds: cpu.before + cpu.seen }
    },
    async discard(graceMs) {
      discarded = true
      // What has been asked of the engine comes to be, so it is awaited.
      await creating?.catch(() => undefined)
      const now = await letGo()
      // A store's data go with it: it is not asked to save them. Services of ours finish what they have in hand.
      if (now && service.provider === 'node' && graceMs > 0) await stopped(graceMs).catch(() => undefined)
      await made?.remove({ force: true, v: true }).catch(() => undefined)
      if (now) await isOver(now)
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

function versionIn(lines: readonly string[], pattern: RegExp | undefined): string | undefined {
  const match = pattern && lines.map((line) => pattern.exec(line)).find((found) => found !== null)
  return match?.slice(1, 3).join(' ')
}

function howItEnded(over: { code: number | null; signal: string | null } | undefined): string {
  if (!over) return 'is not running'
  return over.signal ? `was ended by ${over.signal}` : over.code === null ? 'is gone, as the Docker engine is' : `ended by itself with exit code ${over.code}`
}
