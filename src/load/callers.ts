import type { Caller } from '../system/architecture.ts'
import type { Group, LoadPhase, LoadPlan } from './control.ts'
import { hash32 } from './customers.ts'

/**
 * Which caller (an index) sends the visit whose first event has this sequence, by share: a pure function of (seed, source, sequence), so that
 * whoever reconciles can tell whose an event is. All events of a visit go out in one request, so they are its caller's.
 */
export type CallerPicker = (source: number, sequence: number) => number

/** Throws a RangeError for shares that are negative, or all 0. */
export function callerPicker(callers: readonly Pick<Caller, 'share'>[], seed: number): CallerPicker {
  const total = callers.reduce((sum, { share }) => sum + share, 0)
  if (!(total > 0) || callers.some(({ share }) => !(share >= 0))) throw new RangeError('callers: shares must be at least 0, and one of them above it')
  if (callers.length === 1) return () => 0
  let upTo = 0
  /** Where on [0, 2³²) each one's stretch ends. */
  const ends = Float64Array.from(callers, ({ share }) => ((upTo += share) / total) * 0x1_0000_0000)
  const last = callers.findLastIndex(({ share }) => share > 0)
  return (source, sequence) => {
    const draw = hash32(seed ^ Math.imul(source + 1, 0x165667b1), sequence)
    let low = 0
    let high = last
    while (low < high) {
      const middle = (low + high) >>> 1
      if (draw < ends[middle]!) high = middle
      else low = middle + 1
    }
    return low
  }
}

/** Which caller (an index) sends the visit that begins with this event and was due then, ms since the epoch. */
export type VisitCaller = (source: number, sequence: number, timeMs: number) => number

type CallersPlan = Pick<LoadPlan, 'callers' | 'seed'> & Partial<Pick<LoadPlan, 'startAtMs' | 'phases'>>

/**
 * As {@link callerPicker}, where phases may give the noisy caller another share of the visits. Which phase that is, is told by the time that
 * every id carries: so whose an event is follows from its id alone here as well.
 */
export function visitCaller({ callers = [], seed, startAtMs = 0, phases = [] }: CallersPlan): VisitCaller {
  const usual = callerPicker(callers, seed)
  if (phases.every(({ noisyShare }) => noisyShare === undefined)) return usual
  let endMs = startAtMs
  const stretches = phases.map(({ durationMs, noisyShare }) => ({
    endMs: (endMs += durationMs),
    pick: noisyShare === undefined ? usual : callerPicker(withNoisyShare(callers, noisyShare), seed),
  }))
  return (source, sequence, timeMs) => (stretches.find((stretch) => timeMs < stretch.endMs)?.pick ?? usual)(source, sequence)
}

/** The noisy ones together send this share of all, the others what is left, each group divided as before. */
function withNoisyShare(callers: readonly Caller[], noisyShare: number): Pick<Caller, 'share'>[] {
  const sum = (of: readonly Caller[]) => of.reduce((total, { share }) => total + share, 0)
  const noisy = sum(callers.filter((caller) => caller.noisy))
  const others = sum(callers) - noisy
  if (noisy === 0 || others === 0) return [...callers]
  return callers.map((caller) => ({ share: caller.noisy ? (caller.share / noisy) * noisyShare : (caller.share / others) * (1 - noisyShare) }))
}

/** Are noisy callers and the others told apart? Only where some phase makes them noisy, and there are both. */
export function isGrouped(callers: readonly Caller[] | undefined, phases: readonly Pick<LoadPhase, 'noisyShare'>[]): boolean {
  const noisy = callers?.filter((caller) => caller.noisy).length ?? 0
  return noisy > 0 && noisy < callers!.length && phases.some(({ noisyShare }) => noisyShare !== undefined)
}

/** To which group a visit belongs. */
export type VisitGroup = (source: number, sequence: number, timeMs: number) => Group

/** `undefined` where groups are not told apart. */
export function visitGroup(plan: CallersPlan): VisitGroup | undefined {
  const { callers = [], phases = [] } = plan
  if (!isGrouped(callers, phases)) return undefined
  const pick = visitCaller(plan)
  return (source, sequence, timeMs) => (callers[pick(source, sequence, timeMs)]!.noisy ? 'noisy' : 'others')
}
