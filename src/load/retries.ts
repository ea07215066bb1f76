/** Things to be done later, in slots of 10 ms: thousands of refused requests wait without a timer each. */
export interface Later<T> {
  readonly length: number
  add(item: T, atUs: number): void
  /** Takes what is due. */
  due(nowUs: number): T[]
}

const SLOT_US = 10_000

export function later<T>(): Later<T> {
  const slots = new Map<number, T[]>()
  let nextSlot = 0
  const queue = {
    length: 0,
    add(item: T, atUs: number): void {
      const slot = Math.max(nextSlot, Math.ceil(atUs / SLOT_US))
      const items = slots.get(slot)
      if (items) items.push(item)
      else slots.set(slot, [item])
      queue.length++
    },
    due(nowUs: number): T[] {
      const upTo = Math.floor(nowUs / SLOT_US)
      const items: T[] = []
      for (; nextSlot <= upTo; nextSlot++) {
        if (queue.length === 0) {
          nextSlot = upTo + 1
          break
        }
        const slot = slots.get(nextSlot)
        if (!slot) continue
        items.push(...slot)
        slots.delete(nextSlot)
        queue.length -= slot.length
      }
      return items
    },
  }
  return queue
}

const FIRST_BACKOFF_US = 100_000

/**
 * How long to wait before attempt `attempts` + 1: doubling from 100 ms, or what the server asked for if that is longer, plus
 * up to half of it at random (`random` in [0, 1)), so that those refused together do not come back together.
 */
export function backoffUs(attempts: number, retryAfterS: number, random: number): number {
  const base = Math.max(FIRST_BACKOFF_US * 2 ** (attempts - 1), retryAfterS * 1e6)
  return base * (1 + random / 2)
}
