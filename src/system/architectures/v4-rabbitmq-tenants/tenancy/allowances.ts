/** Takes from the allowance of `who`; how many ms to wait for it when there is nothing left. */
export type Allowances = (who: string, nowMs: number) => number

/** An allowance each, of `burst` at once and `perSecond` from then on, kept in this process for the `most` that were seen last. No clock inside. */
export function createAllowances({ burst, perSecond, most }: { burst: number; perSecond: number; most: number }): Allowances {
  const held = new Map<string, { left: number; atMs: number }>()
  return (who, nowMs) => {
    const before = held.get(who)
    const left = before === undefined ? burst : Math.min(burst, before.left + (Math.max(0, nowMs - before.atMs) * perSecond) / 1_000)
    held.delete(who)
    held.set(who, { left: left >= 1 ? left - 1 : left, atMs: nowMs })
    if (held.size > most) held.delete(held.keys().next().value!)
    return left >= 1 ? 0 : ((1 - left) / perSecond) * 1_000
  }
}
