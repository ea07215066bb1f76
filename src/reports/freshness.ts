/**
 * How long an event took until a person watching could see it: the horizontal distance between two cumulative
 * curves, stored events by intended time and the counts one subscriber received. No event is looked for by name:
 * the n-th stored event is visible when the count reaches n.
 */
export interface ArrivalCurve {
  add(timeMs: number): void
  /**
   * Calls back with (latency in ms, number of events) and returns how many events were never shown. `before`: what the counts included
   * before the first of these events.
   */
  against(seen: readonly (readonly [atMs: number, count: number])[], record: (latencyMs: number, events: number) => void, before?: number): number
}

/** Four bytes per millisecond of load: 14 MB an hour; longer runs use wider buckets, so never more than ~16 MB. */
const MAX_BUCKETS = 4_000_000

export function arrivalCurve(fromMs: number, toMs: number): ArrivalCurve {
  const bucketMs = Math.max(1, Math.ceil((toMs - fromMs + 1) / MAX_BUCKETS))
  const buckets = new Uint32Array(Math.floor((toMs - fromMs) / bucketMs) + 1)
  return {
    add(timeMs) {
      const bucket = Math.floor((timeMs - fromMs) / bucketMs)
      buckets[Math.min(buckets.length - 1, Math.max(0, bucket))]! += 1
    },
    against(seen, record, before = 0) {
      let next = 0
      let unseen = 0
      let rank = before
      for (let bucket = 0; bucket < buckets.length; bucket++) {
        let left = buckets[bucket]!
        const intendedMs = fromMs + bucket * bucketMs
        while (left > 0) {
          while (next < seen.length && seen[next]![1] <= rank) next += 1
          const push = seen[next]
          if (push === undefined) {
            unseen += left
            break
          }
          const shown = Math.min(left, push[1] - rank)
          record(Math.max(0, push[0] - intendedMs), shown)
          rank += shown
          left -= shown
        }
      }
      return unseen
    },
  }
}
