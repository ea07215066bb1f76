import type { Sample } from '../run/events.ts'
import { failures } from '../run/record.ts'

/** So many seconds in a row must be good. */
const IN_A_ROW = 3
/** Of the backlog before anything was broken, so many seconds are kept. */
const BEFORE = 5
const BACKLOG_FACTOR = 2

export interface Healing {
  look(sample: Sample): void
  /** Something was broken: what comes from now on is not usual. */
  broke(): void
  /** Nothing failed for three seconds, answers came, and the backlog is what it was before anything was broken, or less than a second's load. */
  isHealed(): boolean
}

/** Follows the samples of a load. Pure but for what it remembers. */
export function healing(): Healing {
  let last: Sample | undefined
  let good = 0
  let broken = false
  let before: number[] = []
  const isGood = (sample: Sample, previous: Sample): boolean => {
    const grown = (of: (counts: Sample['counts']) => number) => of(sample.counts) - of(previous.counts)
    if (grown(({ events, reads }) => failures(events) + failures(reads)) > 0) return false
    if (grown(({ events }) => events.ok) === 0 && sample.counts.events.inFlight > 0) return false
    if (before.length === 0 && sample.backlog === undefined) return true
    const usual = before.length === 0 ? 0 : before.toSorted((a, b) => a - b)[before.length >> 1]!
    return sample.backlog !== undefined && sample.backlog <= Math.max(BACKLOG_FACTOR * usual, sample.rates.offered)
  }
  return {
    look(sample) {
      if (!broken && sample.backlog !== undefined) before = [...before, sample.backlog].slice(-BEFORE)
      good = last !== undefined && isGood(sample, last) ? good + 1 : 0
      last = sample
    },
    broke() {
      broken = true
      good = 0
    },
    isHealed: () => good >= IN_A_ROW,
  }
}
