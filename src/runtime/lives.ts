import type { ComposeService } from './compose.ts'
import type { ServiceFailed } from './errors.ts'
import type { RuntimeEvent } from './runtime.ts'

/** A restart policy without a number of its own gives up after this many deaths in a row. */
const MOST_RESTARTS = 10
/** Who has run this long starts counting anew, as with Docker. */
const STEADY_AFTER_MS = 10_000
const ONE_SHOT_WITHIN_MS = 120_000
/** From SIGKILL to word of the end: a kernel takes milliseconds, an engine under load seconds. */
const ENDS_WITHIN_MS = 10_000
const OVER_POLL_MS = 10
const COMPLETED_POLL_MS = 15
/** Of what a life printed until it was ready, the newest. */
const LINES_KEPT = 200

/** How it ended; both null: nobody can tell, as what it ran on is gone. */
export interface Exit {
  code: number | null
  signal: string | null
}

/** One life of a replica, from its start to its end. */
export interface Life {
  startedAtMs: number
  pid?: number
  /** It has been started; until then it is being. */
  runs: boolean
  /** The lab or a fault is ending it. */
  expected: boolean
  lines: string[]
  version?: string
  isReady: boolean
}

/** What differs between processes and containers. */
export interface Body {
  service: ComposeService
  replica: number
  readyWithinMs: number
  /** From one look whether it is ready to the next. */
  readyPollMs(): number
  /** Name and version, the first two groups, in what it prints. */
  versionIn?: RegExp
  emit(event: RuntimeEvent): void
  /** Before each life; whatever takes long. */
  prepare(): Promise<void>
  /** Starts it, resolves as soon as it runs, and notes its pid. Its end is told by {@link Lives.ended}, which may come first. */
  begin(life: Life): Promise<void>
  isReady(life: Life): Promise<boolean>
  onReady(life: Life): void
  /** Ends it at once; never throws. */
  kill(life: Life): unknown
  /** Resolves when all it printed has been read. */
  drained(): unknown
  lastLines(): string[]
  failed(what: string): ServiceFailed
}

/** Starts, restarts and ends a replica as its service's policy, the lab, and faults want it; tells of all that happens. */
export interface Lives {
  current(): Life | undefined
  /** A line it has printed. */
  heard(line: string): void
  /** To be told of the end of a life; a second time does nothing. */
  ended(life: Life, exit: Exit): Promise<void>
  launch(): Promise<void>
  ready(signal: AbortSignal): Promise<void>
  completed(signal: AbortSignal): Promise<void>
  kill(options?: { hold?: boolean }): Promise<{ willRestart: boolean }>
  start(): Promise<void>
  /** Nothing brings it back any more but {@link Lives.start}. @returns the life that is to be ended */
  letGo(): Promise<Life | undefined>
  /** From now on nothing brings it back at all. */
  discard(): void
  /** Resolves when this life is over, or after so long. @returns whether it is over */
  isOver(life: Life, withinMs?: number): Promise<boolean>
  /** Of all lives, given what this one has used so far: each counts from zero. */
  cpuSeconds(ofThisLife?: number): number
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

/** In logs and errors: with a number where there are several. */
export function nameOf(service: Pick<ComposeService, 'name' | 'replicas'>, replica: number): string {
  return service.replicas > 1 || replica > 1 ? `${service.name}-${replica}` : service.name
}

export function createLives(body: Body): Lives {
  const { service, replica, emit } = body
  const who = { service: service.name, replica }
  let life: Life | undefined
  let over: Exit | undefined
  /** An end that was told before it was known to run. */
  let early: Exit | undefined
  let launching: Promise<void> | undefined
  let restartTimer: NodeJS.Timeout | undefined
  let restarting = false
  let attempts = 0
  /** Nobody has stopped it for good, and no fault keeps it away. */
  let wanted = false
  let discarded = false
  const cpu = { before: 0, seen: 0 }

  const launch = (): Promise<void> => (launching ??= launchOnce().finally(() => (launching = undefined)))

  async function launchOnce(): Promise<void> {
    clearTimeout(restartTimer)
    if (life || discarded) return
    wanted = true
    await body.prepare()
    if (discarded) return
    const started: Life = { startedAtMs: performance.now(), runs: false, expected: false, lines: [], isReady: false }
    life = started
    over = undefined
    early = undefined
    restarting = false
    try {
      await body.begin(started)
    } catch (error) {
      life = undefined
      throw error
    }
    started.runs = true
    emit({ type: 'service-started', ...who, pid: started.pid })
    if (early) await ended(started, early)
  }

  async function ended(of: Life, exit: Exit): Promise<void> {
    if (life !== of) return
    if (!of.runs) return void (early = exit)
    await body.drained()
    if (life !== of) return
    cpu.before += cpu.seen
    cpu.seen = 0
    over = exit
    life = undefined
    if (performance.now() - of.startedAtMs >= STEADY_AFTER_MS) attempts = 0
    const succeeded = service.oneShot && exit.code === 0
    const isKnown = exit.code !== null || exit.signal !== null
    restarting = wanted && !discarded && !succeeded && isKnown && restarts(service.restart, exit.code, attempts)
    emit({ type: 'service-exited', ...who, ...exit, expected: of.expected || succeeded, willRestart: restarting, lastLines: body.lastLines() })
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
      if (!service.oneShot) await ready(limit())
    } catch {
      restarting = restarting && life !== undefined
      if (life) await body.kill(life)
    }
  }

  const limit = (): AbortSignal => AbortSignal.timeout(body.readyWithinMs + 5_000)

  async function ready(signal: AbortSignal): Promise<void> {
    const began = performance.now()
    for (;;) {
      signal.throwIfAborted()
      const now = life
      if (now?.isReady) return
      if (!now && !restarting) throw body.failed(howItEnded(over))
      if (now?.runs && (await body.isReady(now)) && life === now) {
        if (!now.isReady) becomeReady(now)
        return
      }
      if (performance.now() - began > body.readyWithinMs) throw body.failed(`was not ready within ${body.readyWithinMs / 1_000} s`)
      await sleep(body.readyPollMs(), signal)
    }
  }

  function becomeReady(now: Life): void {
    now.isReady = true
    body.onReady(now)
    now.lines = []
    emit({ type: 'service-ready', ...who, tookMs: Math.round(performance.now() - now.startedAtMs), version: now.version })
  }

  async function completed(signal: AbortSignal): Promise<void> {
    const began = performance.now()
    while (life || restarting) {
      if (performance.now() - began > ONE_SHOT_WITHIN_MS) throw body.failed(`did not end within ${ONE_SHOT_WITHIN_MS / 1_000} s`)
      await sleep(COMPLETED_POLL_MS, signal)
    }
    if (over?.code !== 0) throw body.failed(howItEnded(over))
  }

  async function isOver(of: Life, withinMs = ENDS_WITHIN_MS): Promise<boolean> {
    const began = performance.now()
    while (life === of && performance.now() - began < withinMs) await sleep(OVER_POLL_MS)
    return life !== of
  }

  async function letGo(): Promise<Life | undefined> {
    clearTimeout(restartTimer)
    restarting = false
    wanted = false
    await launching?.catch(() => undefined)
    if (life) life.expected = true
    return life
  }

  return {
    current: () => life,
    heard(line) {
      if (!life || life.isReady) return
      life.lines = [...life.lines.slice(1 - LINES_KEPT), line]
      // Flink says its name in its packages alone.
      life.version ??= body.versionIn?.exec(line)?.slice(1, 3).join(' ').replace(/^[a-z]/, (first) => first.toUpperCase())
    },
    ended,
    launch,
    ready,
    completed,
    async kill({ hold = false } = {}) {
      if (hold) await letGo()
      await launching?.catch(() => undefined)
      const now = life
      if (now) {
        now.expected = true
        await body.kill(now)
        await isOver(now)
      }
      return { willRestart: restarting }
    },
    async start() {
      if (discarded) throw new Error(`service ${nameOf(service, replica)} belongs to a system that is being taken down`)
      attempts = 0
      await launch()
      await ready(limit())
    },
    letGo,
    discard() {
      discarded = true
    },
    isOver,
    cpuSeconds(ofThisLife = 0) {
      if (life) cpu.seen = Math.max(cpu.seen, ofThisLife)
      return cpu.before + cpu.seen
    },
  }
}

function howItEnded(over: Exit | undefined): string {
  if (!over) return 'is not running'
  if (over.signal) return `was ended by ${over.signal}`
  return over.code === null ? 'is gone, as what it ran on is' : `ended by itself with exit code ${over.code}`
}

/** On the global timer, which tests can turn by hand. */
function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
  })
}
