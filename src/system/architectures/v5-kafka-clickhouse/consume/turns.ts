/** Small cuts take turns: so many in the time that an order waits for its cut to fill. */
const TURNS_A_FLUSH = 4

export interface Waiting {
  /** Has a cut that can grow no more. */
  whole(): boolean
  orders(): number
  waitingSinceMs(): number | undefined
}

/**
 * Whose cut is inserted next. Whole ones at once, from the partition that has most; otherwise the one that has waited longest, once that is
 * `flushMs`, and not many such in a row: ClickHouse makes a part of every insert, and would rather have few.
 * @param turnMs when the last one was inserted that was not whole
 */
export function nextInTurn<T extends Waiting>(tenures: readonly T[], nowMs: number, turnMs: number, flushMs: number): T | undefined {
  const whole = tenures.filter((it) => it.whole())
  if (whole.length > 0) return whole.reduce((most, it) => (it.orders() > most.orders() ? it : most))
  if (nowMs - turnMs < flushMs / TURNS_A_FLUSH) return undefined
  let longest: T | undefined
  for (const it of tenures) {
    const sinceMs = it.waitingSinceMs()
    if (sinceMs !== undefined && nowMs - sinceMs >= flushMs && sinceMs < (longest?.waitingSinceMs() ?? Infinity)) longest = it
  }
  return longest
}
