import { createIdTable, type IdTable } from './id-table.ts'

/**
 * Which ids of one partition have come before, from what is held in memory; only what that cannot tell is asked of the store.
 *
 * Ids of version 7 begin with their time, so nearly all that come are later than those of a while ago: `floor` is the latest time of those that
 * are held no more (or were stored before this began). An id from after the floor that is not held is new, and no query is needed to say so.
 * Held are all ids that are not stored yet, and some {@link HELD} of those that are.
 */
export interface Seen {
  /** Of the id in these bytes. */
  judge(bytes: Buffer, at: number): 'new' | 'known' | 'ask'
  /** The record at this offset has been taken: with its id from now on nothing else is new. */
  add(bytes: Buffer, at: number, offset: number): void
  /** Everything before this offset is in the store, which can be asked for it. */
  stored(upto: number): void
  held(): number
  /**
   * Time goes on, and one day passes the ceiling. In two steps, as the floor below the new one must be asked for: from the first call on what is
   * forgotten counts up to the new ceiling, from the second on what lies below it is judged.
   */
  widen(ceilingMs: number): void
  trust(floorMs: number): void
}

/** So many ids are held of each partition beyond what is not stored yet; each takes 24 to 48 bytes. */
export const HELD = 20_000

interface Generation {
  ids: IdTable
  /** The latest time below the ceiling. */
  latestMs: number
  /** The latest time from there on; −1: none. */
  oddMs: number
  lastOffset: number
}

/**
 * @param floorMs the latest time in an id below the ceiling that is stored already; −1: there is none
 * @param ceilingMs an id from this time or later was made by no clock here, and is always asked for
 */
export function createSeen(floorMs: number, ceilingMs: number, held = HELD): Seen {
  const generations: Generation[] = [newGeneration()]
  let floor = floorMs
  let stored = 0
  let trusted = ceilingMs
  let counted = ceilingMs

  function forget(): void {
    let size = generations.reduce((sum, it) => sum + it.ids.size(), 0)
    while (generations.length > 1 && generations[0]!.lastOffset < stored && size - generations[0]!.ids.size() >= held) {
      const { ids, latestMs } = generations.shift()!
      size -= ids.size()
      floor = Math.max(floor, latestMs)
    }
  }

  return {
    judge(bytes, at) {
      for (const { ids } of generations) if (ids.has(bytes, at)) return 'known'
      const ms = timeIn(bytes, at)
      return ms > floor && ms < trusted ? 'new' : 'ask'
    },
    add(bytes, at, offset) {
      let newest = generations.at(-1)!
      if (newest.ids.size() >= held / 2) {
        forget()
        generations.push(newest = newGeneration())
      }
      newest.ids.add(bytes, at)
      newest.lastOffset = offset
      const ms = timeIn(bytes, at)
      if (ms >= counted) newest.oddMs = Math.max(newest.oddMs, ms)
      else if (ms > newest.latestMs) newest.latestMs = ms
    },
    stored(upto) {
      stored = upto
      forget()
    },
    held: () => generations.reduce((sum, it) => sum + it.ids.size(), 0),
    widen(to) {
      counted = to
      for (const it of generations) {
        // Where the latest is beyond the new ceiling as well, others may be below it: rather too high than too low.
        if (it.oddMs >= 0) it.latestMs = Math.min(it.oddMs, to - 1)
        if (it.oddMs < to) it.oddMs = -1
      }
    },
    trust(its) {
      trusted = counted
      floor = Math.max(floor, its)
    },
  }
}

const newGeneration = (): Generation => ({ ids: createIdTable(), latestMs: -1, oddMs: -1, lastOffset: -1 })

/** ms since the epoch in a UUID of version 7; −1: it is none. */
export const timeIn = (bytes: Buffer, at: number): number => (bytes[at + 6]! >> 4 === 7 ? bytes.readUIntBE(at, 6) : -1)

/** The id in these bytes as it is written elsewhere. */
export function uuidIn(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** No UUID from this time or later is smaller. */
export function uuidAt(ms: number): string {
  const bytes = Buffer.alloc(16)
  bytes.writeUIntBE(ms, 0, 6)
  return uuidIn(bytes, 0)
}

/** The first 48 bits of one that is written out, of whatever version; −1 of none. No id that is smaller has a later time. */
export const upperTimeOf = (uuid: string | undefined): number => (uuid === undefined ? -1 : Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16))
