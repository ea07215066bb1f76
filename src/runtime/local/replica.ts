import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ComposeService } from '../compose.ts'
import { endProcesses, signal as send } from '../end-processes.ts'
import { ServiceFailed } from '../errors.ts'
import { readStat, type ProcessId, type ProcessStat } from '../processes.ts'
import type { Managed } from '../managed.ts'
import type { RuntimeEvent } from '../runtime.ts'
import { backendsIn } from '../run-mark.ts'
import { createLogTail, lineBudget } from './log-tail.ts'
import type { Backend } from './provider.ts'
import { killTree, pauseTree, resumeTree, treeUsage, type TreeUsage } from './replica-tree.ts'

/** One process of a service, over all its lives: started, watched, restarted as its policy says, ended. */
export interface Replica extends Managed {
  usage(all: readonly ProcessStat[]): TreeUsage
}

export interface ReplicaOptions {
  service: ComposeService
  replica: number
  backend: Backend
  logPath: string
  /** Environment that marks it as part of the run. */
  marks: Record<string, string>
  emit(event: RuntimeEvent): void
  /** The watchdog is told of every process. */
  tell(process: ProcessId): void
  readyWithinMs: number
}

/** A restart policy without a number of its own gives up after this many deaths in a row. */
const MOST_RESTARTS = 10
/** Who has run this long starts counting anew, as with Docker. */
const STEADY_AFTER_MS = 10_000
const ONE_SHOT_WITHIN_MS = 120_000
const LINES_PER_SECOND = 20
const LINE_BURST = 100
const READY_POLL_MS = 15
/** How often its log is read. */
const STARTING_POLL_MS = 25
const RUNNING_POLL_MS = 250

interface Life {
  child: ChildProcess
  id: ProcessId
  startedAtMs: number
  /** The lab or a fault is ending it. */
  expected: boolean
  /** What it printed until it was ready, the newest 100. */
  lines: string[]
  isReady: boolean
  metricsPort?: number
}

function versionOf(lines: readonly string[], pattern: RegExp | undefined): string | undefined {
  if (pattern === undefined) return undefined
  const match = lines.map((line) => pattern.exec(line)).find((found) => found !== null)
  return match?.slice(1, 3).join(' ')
}

function metricsPortOf(lines: readonly string[], pattern: RegExp | undefined): number | undefined {
  const port = pattern && lines.map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined)
  return port === undefined ? undefined : Number(port)
}

/** Waits before the n-th restart in a row (from 1), as Docker's: 100 ms, doubling, at most 5 s here. */
export function restartDelayMs(attempt: number): number {
  return Math.min(5_000, 100 * 2 ** (attempt - 1))
}

/** Does the policy bring back what ended with this code (null: by a signal) after so many restarts in a row? */
export function restarts({ policy, max }: ComposeService['restart'], code: number | null, attempts: number): boolean {
  if (policy === 'no' || (policy === 'on-failure' && code === 0)) return false
  return attempts < (max ?? MOST_RESTARTS)
}

export function createReplica(options: ReplicaOptions): Replica {
  const { service, replica, backend, logPath, emit } = options
  const name = service.replicas > 1 || replica > 1 ? `${service.name}-${replica}` : service.name
  const who = { service: service.name, replica }
  const budget = lineBudget(LINES_PER_SECOND, LINE_BURST)
  let life: Life | undefined
  let over: { code: number | null; signal: string | null } | undefined
  let launching: Promise<void> | undefined
  let restartTimer: NodeJS.Timeout | undefined
  let restarting = false
  let attempts = 0
  /** Nobody has stopped it for good, and no fault keeps it away. */
  let wanted = false
  let discarded = false
  let dropped = 0
  const cpu = { before: 0, seen: 0 }

  const tail = createLogTail({
    path: logPath,
    onLine(line) {
      if (life && !life.isReady) life.lines = [...life.lines.slice(-99), line]
      if (!budget.allows(performance.now())) return void (dropped += 1)
      if (dropped > 0) emit({ type: 'log', ...who, line: `… ${dropped} lines not shown, see ${logPath}` })
      dropped = 0
      emit({ type: 'log', ...who, line })
    },
    onSkipped: (bytes) => emit({ type: 'log', ...who, line: `… ${bytes} bytes not shown, see ${logPath}` }),
  })

  const failed = (what: string): ServiceFailed => {
    tail.poll(true)
    return new ServiceFailed(name, what, tail.lastLines(), logPath)
  }

  const launch = (): Promise<void> => (launching ??= launchOnce().finally(() => (launching = undefined)))

  async function launchOnce(): Promise<void> {
    clearTimeout(restartTimer)
    if (life || discarded) return
    wanted = true
    if (backend.dataFolder) await backendsGone(backend.dataFolder)
    await backend.beforeLaunch?.().catch((error: unknown) => {
      throw failed(`could not be prepared (${(error as Error).message})`)
    })
    if (discarded) return
    tail.poll(true)
    const child = await spawned()
    const started: Life = { child, id: { pid: child.pid!, startTime: readStat(child.pid!)?.startTime ?? 0 }, startedAtMs: performance.now(), expected: false, lines: [], isReady: false }
    life = started
    over = undefined
    restarting = false
    options.tell(started.id)
    tail.every(STARTING_POLL_MS)
    emit({ type: 'service-started', ...who, pid: child.pid })
    if (child.exitCode !== null || child.signalCode !== null) ended(started, child.exitCode, child.signalCode)
    else child.once('exit', (code, signalName) => ended(started, code, signalName))
    if (discarded) killTree(started.id.pid)
  }

  async function spawned(): Promise<ChildProcess> {
    const { file, args, env, cwd, uid, gid } = backend.launch
    const log = openSync(logPath, 'a')
    try {
      const child = spawn(file, args, { env: { ...env, ...options.marks }, cwd, uid, gid, detached: true, stdio: ['ignore', log, log] })
      await once(child, 'spawn')
      return child
    } catch (error) {
      throw failed(`could not be started (${(error as Error).message})`)
    } finally {
      closeSync(log)
    }
  }

  function ended(of: Life, code: number | null, signalName: string | null): void {
    tail.poll(true)
    tail.every(RUNNING_POLL_MS)
    cpu.before += cpu.seen
    cpu.seen = 0
    over = { code, signal: signalName }
    life = undefined
    if (performance.now() - of.startedAtMs >= STEADY_AFTER_MS) attempts = 0
    const succeeded = service.oneShot && code === 0
    restarting = wanted && !discarded && !succeeded && restarts(service.restart, code, attempts)
    emit({ type: 'service-exited', ...who, code, signal: signalName, expected: of.expected || succeeded, willRestart: restarting, lastLines: tail.lastLines() })
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
      if (!service.oneShot) await ready(AbortSignal.timeout(options.readyWithinMs + 5_000))
    } catch {
      restarting = restarting && life !== undefined
      if (life) killTree(life.id.pid)
    }
  }

  async function ready(signal: AbortSignal): Promise<void> {
    const began = performance.now()
    for (;;) {
      signal.throwIfAborted()
      tail.poll(true)
      const now = life
      if (now?.isReady) return
      if (!now && !restarting) throw failed(howItEnded(over))
      if (now && (await backend.isReady((pattern) => now.lines.some((line) => pattern.test(line)))) && life === now) {
        if (now.isReady) return
        now.isReady = true
        const version = versionOf(now.lines, backend.versionIn)
        now.metricsPort = metricsPortOf(now.lines, backend.metricsPortIn) ?? backend.metricsPort
        now.lines = []
        tail.every(RUNNING_POLL_MS)
        emit({ type: 'service-ready', ...who, tookMs: Math.round(performance.now() - now.startedAtMs), version })
        return
      }
      if (performance.now() - began > options.readyWithinMs) throw failed(`was not ready within ${options.readyWithinMs / 1_000} s`)
      await sleep(READY_POLL_MS, undefined, { signal })
    }
  }

  async function completed(signal: AbortSignal): Promise<void> {
    const began = performance.now()
    while (life || restarting) {
      if (performance.now() - began > ONE_SHOT_WITHIN_MS) throw failed(`did not end within ${ONE_SHOT_WITHIN_MS / 1_000} s`)
      await sleep(READY_POLL_MS, undefined, { signal })
    }
    if (over?.code !== 0) throw failed(howItEnded(over))
  }

  /** Resolves when this life is over, or after so long. @returns whether it is over */
  async function isOver(of: Life, withinMs: number): Promise<boolean> {
    const began = performance.now()
    while (life === of && performance.now() - began < withinMs) await sleep(10)
    return life !== of
  }

  /** Asks politely, then not. */
  async function end(politely: NodeJS.Signals, graceMs: number): Promise<void> {
    clearTimeout(restartTimer)
    restarting = false
    wanted = false
    await launching?.catch(() => undefined)
    const now = life
    if (!now) return
    now.expected = true
    send(now.id.pid, politely)
    resumeTree(now.id.pid)
    if (await isOver(now, graceMs)) return
    killTree(now.id.pid)
    await isOver(now, 5_000)
  }

  return {
    ...who,
    get pid() {
      return life?.id.pid
    },
    get metricsUrl() {
      return life?.metricsPort === undefined ? undefined : `http://127.0.0.1:${life.metricsPort}/metrics`
    },
    launch,
    ready,
    completed,
    async kill({ hold = false } = {}) {
      if (hold) {
        clearTimeout(restartTimer)
        restarting = false
        wanted = false
      }
      const now = life
      if (now) {
        now.expected = true
        killTree(now.id.pid)
        await isOver(now, 5_000)
      }
      return { willRestart: restarting }
    },
    stop: () => end(backend.stopSignal, service.stopGraceMs),
    async start() {
      if (discarded) throw new Error(`service ${name} belongs to a system that is being taken down`)
      attempts = 0
      await launch()
      await ready(AbortSignal.timeout(options.readyWithinMs + 5_000))
    },
    async pause() {
      if (life) await pauseTree(life.id.pid)
    },
    async resume() {
      if (life) resumeTree(life.id.pid)
    },
    usage(all) {
      if (!life) return { cpuSeconds: cpu.before, rssBytes: 0, processes: 0 }
      const now = treeUsage(life.id.pid, all)
      cpu.seen = Math.max(cpu.seen, now.cpuSeconds)
      return { ...now, cpuSeconds: cpu.before + cpu.seen }
    },
    async discard(graceMs) {
      discarded = true
      await end(backend.discardSignal, graceMs)
      tail[Symbol.dispose]()
    },
  }
}

/** Backends of a killed PostgreSQL notice a little later that it is gone, and until then a new one may not start. */
async function backendsGone(folder: string): Promise<void> {
  await endProcesses(() => backendsIn(folder), { graceMs: 1_000, withinMs: 5_000 })
}

function howItEnded(over: { code: number | null; signal: string | null } | undefined): string {
  if (!over) return 'is not running'
  return over.signal ? `was ended by ${over.signal}` : `ended by itself with exit code ${over.code}`
}
