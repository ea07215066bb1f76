import type { Sample } from '../run/events.ts'
import type { RunState } from '../run/state.ts'
import { mean, median } from './statistics.ts'

/** How long after a spike things were as they had been before it. */
export interface SpikeFigures {
  /** Phase that says what is usual. */
  base: string
  /** Phase from whose end the time counts. */
  hold: string
  p99: Return
  backlog: Return
}

/** One figure on its way back. p99 in ms, backlog in events. */
export interface Return {
  /** Median of the base phase's seconds; absent: too few of them. */
  before?: number
  /** At most this counts as back. */
  atMost?: number
  /** Highest second from the beginning of the phases between base and hold until it was back. */
  highest?: number
  /** Whole seconds, rounded up; absent: not within the run, or not known. */
  backAfterSeconds?: number
  /** How long after the end of hold it was watched, whole seconds. */
  watchedSeconds: number
  says: string
}

/** p99 is back when it is no more than this many times its median before, or this much more, whichever is larger. */
const P99_FACTOR = 1.5
const P99_SLACK_MS = 10
/** It must stay back for so many samples, a second apart. */
const IN_A_ROW = 3
/** Fewer seconds of base load have no median worth the name. */
const LEAST_BEFORE = 3
/** Samples further apart are not seconds in a row. */
const MOST_APART_MS = 2_500

/** One second; `value` is absent where nobody knows it. */
export interface Second {
  atMs: number
  value: number | undefined
}

/**
 * When the first of three seconds in a row was no higher than `atMost`, ms since the epoch; `undefined`: never.
 * @param staysBack after the last second nothing can change any more, so that fewer at the end are enough
 */
export function backAt(seconds: readonly Second[], fromMs: number, atMost: number, staysBack = false): number | undefined {
  let began: number | undefined
  let inARow = 0
  let lastMs = -Infinity
  for (const { atMs, value } of seconds) {
    if (atMs < fromMs) continue
    if (value === undefined || value > atMost) inARow = 0
    else inARow = atMs - lastMs <= MOST_APART_MS ? inARow + 1 : 1
    if (inARow === 1) began = atMs
    if (inARow === IN_A_ROW) return began
    lastMs = atMs
  }
  return staysBack && inARow > 0 ? began : undefined
}

/** Of a scenario that names the two phases. `undefined`: it names none, or the run ended before. */
export function spikeFigures(state: RunState): SpikeFigures | undefined {
  const spike = state.run?.scenario.spike
  const phase = (name: string | undefined) => state.phases.find((one) => one.name === name)
  const base = phase(spike?.base)
  const hold = phase(spike?.hold)
  if (spike === undefined || base?.endedAtMs === undefined || hold?.endedAtMs === undefined || base === hold) return undefined
  const startMs = state.loadStartAtMs ?? state.phases[0]!.beganAtMs
  const samples = state.samples.map((sample: Timed) => ({ ...sample, atMs: sample.atMs ?? startMs + sample.second * 1_000 }))
  const holdEndMs = hold.endedAtMs
  const loadEndMs = state.phases.at(-1)!.endedAtMs ?? state.lastEventAtMs
  const before = samples.filter(({ atMs }) => atMs > base.beganAtMs && atMs <= base.endedAtMs!)
  const spiked = { fromMs: base.endedAtMs, holdEndMs }
  const isDrained = state.settle?.drained === true

  const p99Before = typical(before.map(p99Of))
  const p99 = returned(
    // Once the load is over nobody waits for anything.
    samples.filter(({ atMs }) => atMs <= loadEndMs).map((sample) => ({ atMs: sample.atMs, value: p99Of(sample) })),
    { ...spiked, before: p99Before, atMost: p99Before === undefined ? undefined : Math.max(P99_FACTOR * p99Before, p99Before + P99_SLACK_MS), staysBack: false },
  )
  const backlogBefore = typical(before.map(({ backlog }) => backlog))
  const backlog = returned(
    samples.map((sample) => ({ atMs: sample.atMs, value: sample.backlog })),
    { ...spiked, before: backlogBefore, atMost: backlogBefore === undefined ? undefined : backlogBefore + mean(before.map(({ rates }) => rates.offered)), staysBack: isDrained },
  )
  return { base: spike.base, hold: spike.hold, p99, backlog }
}

type Timed = Sample & { atMs?: number }

function p99Of({ latency }: Sample): number | undefined {
  return latency === undefined || latency.count === 0 ? undefined : latency.p99
}

function typical(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length < LEAST_BEFORE ? undefined : median(known)
}

interface Spiked {
  fromMs: number
  holdEndMs: number
  before: number | undefined
  atMost: number | undefined
  staysBack: boolean
}

function returned(seconds: readonly Second[], { fromMs, holdEndMs, before, atMost, staysBack }: Spiked): Return {
  const lastMs = seconds.at(-1)?.atMs ?? holdEndMs
  const watchedSeconds = Math.max(0, Math.floor((lastMs - holdEndMs) / 1_000))
  if (before === undefined || atMost === undefined) return { watchedSeconds, says: `not known: fewer than ${LEAST_BEFORE} seconds of it before the spike` }
  const back = backAt(seconds, holdEndMs, atMost, staysBack)
  const highest = seconds.reduce<number | undefined>((most, { atMs, value }) => (atMs > fromMs && atMs <= (back ?? Infinity) && value !== undefined ? Math.max(most ?? 0, value) : most), undefined)
  const known = { before, atMost, ...(highest !== undefined && { highest }), watchedSeconds }
  if (back === undefined) return { ...known, says: `not within the run (${watchedSeconds} s after the spike)` }
  const backAfterSeconds = Math.max(0, Math.ceil((back - holdEndMs) / 1_000))
  return { ...known, backAfterSeconds, says: highest !== undefined && highest <= atMost ? 'never left it' : `within ${backAfterSeconds} s` }
}
