/**
 * One direction of a connection while something is done to it. Pure: a chunk goes in at a moment, and the lane says which may
 * leave at a later one. Bytes stay in their order, none is lost or doubled; the clock and the dice are the caller's.
 */
export interface Lane {
  readonly heldBytes: number
  readonly isEmpty: boolean
  push(item: Item, nowMs: number): void
  /** For all that is held and all that comes. What is held leaves no later than it would have. */
  change(delays: Delays): void
  /** The first that may leave by now, in pieces of at most so many bytes. */
  take(nowMs: number, mostBytes: number): Item | undefined
  /** Bytes of the first that may leave by now; 0 when it is the end. `undefined`: there is none. */
  dueBytes(nowMs: number): number | undefined
  /** When the next may leave; `undefined`: nothing is held, or nothing may. */
  nextMs(): number | undefined
}

/** `end`: nothing follows, as when a side has closed; `reset`: the connection broke on that side. */
export type Item = { kind: 'data'; bytes: Uint8Array } | { kind: 'end' } | { kind: 'reset' }

export interface Delays {
  delayMs: number
  jitterMs: number
  closeMs: number
  /** Nothing leaves until this is over. */
  hold: boolean
}

export const NO_DELAYS: Delays = { delayMs: 0, jitterMs: 0, closeMs: 0, hold: false }

interface Held {
  item: Item
  arrivedMs: number
  dueMs: number
  /** Its throw of the dice, -1 to 1. */
  luck: number
}

/** @param random as `Math.random` */
export function createLane(random: () => number): Lane {
  let delays = NO_DELAYS
  let held: Held[] = []
  /** Taken from the front; cut off now and then. */
  let first = 0
  let heldBytes = 0
  const dueOf = ({ item, arrivedMs, luck }: Held): number => arrivedMs + Math.max(0, delays.delayMs + luck * delays.jitterMs) + (item.kind === 'data' ? 0 : delays.closeMs)

  return {
    get heldBytes() {
      return heldBytes
    },
    get isEmpty() {
      return first === held.length
    },
    push(item, nowMs) {
      const one: Held = { item, arrivedMs: nowMs, dueMs: 0, luck: 2 * random() - 1 }
      one.dueMs = Math.max(dueOf(one), held[held.length - 1]?.dueMs ?? 0)
      held.push(one)
      if (item.kind === 'data') heldBytes += item.bytes.length
    },
    change(to) {
      delays = to
      let before = 0
      for (let at = first; at < held.length; at += 1) {
        const one = held[at]!
        before = one.dueMs = Math.min(one.dueMs, Math.max(before, dueOf(one)))
      }
    },
    take(nowMs, mostBytes) {
      const one = held[first]
      if (one === undefined || delays.hold || one.dueMs > nowMs) return undefined
      const { item } = one
      if (item.kind === 'data') {
        if (mostBytes <= 0) return undefined
        const bytes = item.bytes.subarray(0, mostBytes)
        heldBytes -= bytes.length
        if (bytes.length < item.bytes.length) {
          one.item = { kind: 'data', bytes: item.bytes.subarray(bytes.length) }
          return { kind: 'data', bytes }
        }
      }
      first += 1
      if (first === held.length) {
        held = []
        first = 0
      } else if (first > 1_024) {
        held = held.slice(first)
        first = 0
      }
      return item
    },
    dueBytes(nowMs) {
      const one = held[first]
      if (one === undefined || delays.hold || one.dueMs > nowMs) return undefined
      return one.item.kind === 'data' ? one.item.bytes.length : 0
    },
    nextMs: () => (delays.hold ? undefined : held[first]?.dueMs),
  }
}
