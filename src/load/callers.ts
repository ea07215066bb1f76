import type { Caller } from '../system/architecture.ts'
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
