import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningService } from '../runtime/runtime.ts'
import type { ScenarioFault } from '../scenarios/scenario.ts'
import { secondsOf } from './check.ts'
import { faultText, type Fault, type FaultName } from './fault.ts'
import { faultOf } from './index.ts'

export type FaultEvent =
  | { type: 'fault-injected'; fault: string; service: string; replica: number; value?: string; forMs?: number }
  | { type: 'fault-healed'; fault: string; service: string; replica: number; value?: string; tookMs: number }
  | { type: 'note'; level: 'warning'; says: string }

export interface Playing {
  planned: readonly ScenarioFault[]
  /** Looked at when a fault is due, as replicas may come and go. */
  services(): readonly RunningService[]
  /** When second 0 is, ms since the epoch. */
  startAtMs: number
  /** Aborted: the run is being ended, nothing new is broken and what is broken is healed at once. */
  signal: AbortSignal
  emit(event: FaultEvent): void
  /** Has the system recovered from everything so far? Asked by faults that wait for it; absent: yes. */
  isHealed?(): boolean
  /** Told at once when a fault cannot be injected or healed, unless the run is being ended: a system that goes down takes its services with it. */
  fail(error: unknown): void
  /** Others than the registered ones. */
  faults?: Partial<Record<FaultName, Fault>>
  clock?: Clock
}

export interface Clock {
  /** ms since the epoch. */
  nowMs(): number
  /** @returns whether it waited to the end; false as soon as the signal is aborted */
  wait(ms: number, signal: AbortSignal): Promise<boolean>
}

const LOOK_AGAIN_MS = 250

/**
 * Plays faults beside the load, each at its second and for its time. Disposing (at the load's end, or whenever something
 * goes wrong) heals what is still broken at once and resolves when all of it is ready again; what was not due yet never happens.
 */
export function playFaults(playing: Playing): AsyncDisposable {
  const over = new AbortController()
  const ended = AbortSignal.any([over.signal, playing.signal])
  let before: Promise<void> = Promise.resolve()
  const all = playing.planned.map((fault) => {
    const played = playOne(fault, playing, ended, before).catch((error: unknown) => {
      if (!playing.signal.aborted) playing.fail(error)
    })
    if (fault.whenHealed) before = played
    return played
  })
  return {
    async [Symbol.asyncDispose]() {
      over.abort()
      await Promise.all(all)
    },
  }
}

async function playOne(planned: ScenarioFault, playing: Playing, ended: AbortSignal, before: Promise<void>): Promise<void> {
  const { emit, startAtMs, signal, clock = realClock } = playing
  if (!(await clock.wait(startAtMs + planned.atSeconds * 1_000 - clock.nowMs(), ended))) return
  if (planned.whenHealed) {
    await before
    while (playing.isHealed?.() === false) if (!(await clock.wait(LOOK_AGAIN_MS, ended))) return
    if (ended.aborted) return
  }
  const { fault, service, replica, value } = planned
  const { onLink } = faultOf(fault)
  const target = playing.services().find((one) => one.service === service && one.replica === replica)
  if (target === undefined || (target.pid === undefined && !onLink)) {
    emit({ type: 'note', level: 'warning', says: `fault ${faultText(planned)} was not injected: ${service} ${replica} was not running` })
    return
  }
  const lastsSeconds = secondsOf(planned)
  emit({ type: 'fault-injected', fault, service, replica, ...(value !== undefined && { value }), ...(lastsSeconds !== undefined && { forMs: lastsSeconds * 1_000 }) })
  const beganMs = clock.nowMs()
  const broken = await (playing.faults?.[fault] ?? faultOf(fault)).start(target, lastsSeconds !== undefined, signal, value)
  if (lastsSeconds !== undefined) await clock.wait(beganMs + lastsSeconds * 1_000 - clock.nowMs(), ended)
  const liftedMs = clock.nowMs()
  try {
    await broken[Symbol.asyncDispose]()
  } catch (error) {
    if (playing.services().includes(target)) throw error
    emit({ type: 'note', level: 'warning', says: `fault ${faultText(planned)}: ${service} ${replica} was scaled away before it was back` })
    return
  }
  // Killed, and the run is being ended: it stays away.
  if (signal.aborted && target.pid === undefined) return
  emit({ type: 'fault-healed', fault, service, replica, ...(value !== undefined && { value }), tookMs: clock.nowMs() - liftedMs })
}

const realClock: Clock = {
  nowMs: () => Date.now(),
  wait: (ms, signal) => sleep(Math.max(0, ms), true, { signal }).catch(() => false),
}
