import { randomInt } from 'node:crypto'

/**
 * A set of ids of 16 bytes, kept as numbers: an id is looked for in 0.1 µs where a Set of strings takes 0.5, and none is left for the garbage
 * collector. Open addressing, at most half full; a random seed, as ids are chosen by clients.
 */
export interface IdTable {
  has(bytes: Buffer, at: number): boolean
  /** Returns whether it was not there. */
  add(bytes: Buffer, at: number): boolean
  size(): number
}

const SEED = randomInt(0x1_0000_0000)
const FIRST_SLOTS = 256

export function createIdTable(): IdTable {
  /** Position + 1 of the id in `ids`; 0: free. */
  let slots = new Int32Array(FIRST_SLOTS)
  let ids = new Int32Array(4 * (FIRST_SLOTS / 2))
  let size = 0

  /** The slot of the id, or the free one where it would be. */
  function find(a: number, b: number, c: number, d: number): number {
    const mask = slots.length - 1
    let slot = hash(a, b, c, d) & mask
    for (;;) {
      const at = 4 * (slots[slot]! - 1)
      if (at < 0 || (ids[at] === a && ids[at + 1] === b && ids[at + 2] === c && ids[at + 3] === d)) return slot
      slot = (slot + 1) & mask
    }
  }

  function grow(): void {
    const before = ids
    slots = new Int32Array(2 * slots.length)
    ids = new Int32Array(2 * before.length)
    ids.set(before)
    for (let i = 0; i < size; i++) slots[find(ids[4 * i]!, ids[4 * i + 1]!, ids[4 * i + 2]!, ids[4 * i + 3]!)] = i + 1
  }

  const slotOf = (bytes: Buffer, at: number): number =>
    find(bytes.readInt32LE(at), bytes.readInt32LE(at + 4), bytes.readInt32LE(at + 8), bytes.readInt32LE(at + 12))

  return {
    size: () => size,
    has: (bytes, at) => slots[slotOf(bytes, at)] !== 0,
    add(bytes, at) {
      let slot = slotOf(bytes, at)
      if (slots[slot] !== 0) return false
      if (4 * size === ids.length) {
        grow()
        slot = slotOf(bytes, at)
      }
      for (let word = 0; word < 4; word++) ids[4 * size + word] = bytes.readInt32LE(at + 4 * word)
      slots[slot] = ++size
      return true
    },
  }
}

/** All bits of all words reach the low ones: as MurmurHash3 does. */
function hash(a: number, b: number, c: number, d: number): number {
  let mixed = SEED
  for (const word of [a, b, c, d]) {
    mixed ^= Math.imul((Math.imul(word, 0xcc9e2d51) << 15) | (Math.imul(word, 0xcc9e2d51) >>> 17), 0x1b873593)
    mixed = (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
  }
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
