import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import type { ComposeService } from '../compose.ts'
import { endProcesses, signal as send } from '../end-processes.ts'
import { ServiceFailed } from '../errors.ts'
import { createLives, nameOf, type Life } from '../lives.ts'
import type { Managed } from '../managed.ts'
import { readStat, type ProcessId, type ProcessStat } from '../processes.ts'
import { backendsIn } from '../run-mark.ts'
import type { RuntimeEvent } from '../runtime.ts'
import { createLogTail, lineBudget } from './log-tail.ts'
import type { Backend } from './provider.ts'
import { killTree, pauseTree, resumeTree, treeUsage, type TreeUsage } from './replica-tree.ts'

/** One process of a service, over all its lives. */
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

const LINES_PER_SECOND = 20
const LINE_BURST = 100
const READY_POLL_MS = 15
/** How often its log is read. */
const STARTING_POLL_MS = 25
const RUNNING_POLL_MS = 250

export function createReplica(options: ReplicaOptions): Replica {
  const { service, replica, backend, logPath, emit } = options
  const name = nameOf(service, replica)
  const who = { service: service.name, replica }
  const budget = lineBudget(LINES_PER_SECOND, LINE_BURST)
  let metricsPort: number | undefined
  let dropped = 0

  const tail = createLogTail({
    path: logPath,
    onLine(line) {
      lives.heard(line)
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

  const lives = createLives({
    service, replica, emit, failed,
    readyWithinMs: options.readyWithinMs,
    readyPollMs: () => READY_POLL_MS,
    versionIn: backend.versionIn,
    async prepare() {
      if (backend.dataFolder) await backendsGone(backend.dataFolder)
      await backend.beforeLaunch?.().catch((error: unknown) => {
        throw failed(`could not be prepared (${(error as Error).message})`)
      })
      tail.poll(true)
    },
    async begin(life) {
      metricsPort = undefined
      const child = await spawned()
      life.pid = child.pid!
      options.tell({ pid: life.pid, startTime: readStat(life.pid)?.startTime ?? 0 })
      tail.every(STARTING_POLL_MS)
      const end = (code: number | null, signal: string | null): void => void lives.ended(life, { code, signal })
      if (child.exitCode !== null || child.signalCode !== null) end(child.exitCode, child.signalCode)
      else child.once('exit', end)
    },
    async isReady(life) {
      tail.poll(true)
      return backend.isReady((pattern) => life.lines.some((line) => pattern.test(line)))
    },
    onReady({ lines }) {
      metricsPort = portIn(lines, backend.metricsPortIn) ?? backend.metricsPort
      tail.every(RUNNING_POLL_MS)
    },
    kill: ({ pid }) => killTree(pid!),
    drained() {
      tail.poll(true)
      tail.every(RUNNING_POLL_MS)
    },
    lastLines: () => tail.lastLines(),
  })

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

  const pid = (): number | undefined => lives.current()?.pid

  /** Asks politely, then not. */
  async function end(politely: NodeJS.Signals, graceMs: number): Promise<void> {
    const now = await lives.letGo()
    if (!now) return
    send(now.pid!, politely)
    resumeTree(now.pid!)
    if (await lives.isOver(now, graceMs)) return
    killTree(now.pid!)
    await lives.isOver(now)
  }

  return {
    ...who,
    get pid() {
      return pid()
    },
    get metricsUrl() {
      return isReady(lives.current()) && metricsPort !== undefined ? `http://127.0.0.1:${metricsPort}/metrics` : undefined
    },
    launch: lives.launch,
    ready: lives.ready,
    completed: lives.completed,
    kill: lives.kill,
    stop: () => end(backend.stopSignal, service.stopGraceMs),
    start: lives.start,
    async pause() {
      const now = pid()
      if (now !== undefined) await pauseTree(now)
    },
    async resume() {
      const now = pid()
      if (now !== undefined) resumeTree(now)
    },
    usage(all) {
      const now = pid()
      if (now === undefined) return { cpuSeconds: lives.cpuSeconds(), rssBytes: 0, processes: 0 }
      const usage = treeUsage(now, all)
      return { ...usage, cpuSeconds: lives.cpuSeconds(usage.cpuSeconds) }
    },
    async discard(graceMs) {
      lives.discard()
      await end(backend.discardSignal, graceMs)
      tail[Symbol.dispose]()
    },
  }
}

function isReady(life: Life | undefined): boolean {
  return life?.isReady === true
}

function portIn(lines: readonly string[], pattern: RegExp | undefined): number | undefined {
  const port = pattern && lines.map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined)
  return port === undefined ? undefined : Number(port)
}

/** Backends of a killed PostgreSQL notice a little later that it is gone, and until then a new one may not start. */
async function backendsGone(folder: string): Promise<void> {
  await endProcesses(() => backendsIn(folder), { graceMs: 1_000, withinMs: 5_000 })
}
