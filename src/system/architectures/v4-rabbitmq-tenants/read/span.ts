import type { AnalyticsQuery } from '../../../architecture.ts'

const HOUR_MS = 3_600_000

/** A span of time as whole hours and what is cut off before and after them; each of the three from (inclusive) to (exclusive), any may be empty. */
export interface Span {
  /** Hours since the epoch. */
  hours: [number, number]
  /** ms. */
  before: [number, number]
  after: [number, number]
}

export function spanOf({ fromMs, toMs }: Pick<AnalyticsQuery, 'fromMs' | 'toMs'>): Span {
  const first = Math.ceil(fromMs / HOUR_MS)
  const end = Math.floor(toMs / HOUR_MS)
  // Within one hour there is neither a whole one nor a second part.
  if (first > end) return { hours: [0, 0], before: [fromMs, toMs], after: [toMs, toMs] }
  return { hours: [first, end], before: [fromMs, first * HOUR_MS], after: [end * HOUR_MS, toMs] }
}
