import { RECORD_BYTES, isOrder } from '../../../record.ts'
import { addRecord, emptyTallies, type Tallies } from '../speed/tallies.ts'
import { newToken, type CutNote } from './cut-note.ts'
import { uuidIn, type Seen } from './seen.ts'

/** Consecutive records of one partition, without those whose id came before: what is inserted at once, and shown until it is stored. */
export interface Cut {
  from: number
  /** The offset after its last record. */
  to: number
  /** Its orders, one record after the other; empty while it grows, and once it is stored. */
  records: Buffer
  orders: number
  tallies: Tallies
  token: string
  /** Somebody may have inserted it before. */
  again: boolean
}

/** `ask`: only the store can tell whether its id has come before; nothing was taken. */
export type Outcome = 'order' | 'duplicate' | 'poison' | 'ask'

/**
 * What has been read of one partition and is not stored: cuts that are whole, then the one that still grows. Everything in a cut follows from
 * the log and its two offsets, whoever makes it. Pure: no clock, no network.
 */
export interface Tail {
  /** The next offset that is wanted; before it nothing is taken. */
  position(): number
  /** Everything before this offset is stored. */
  storedUpTo(): number
  /** Ids in these values of which only the store can tell whether they have come before, as UUIDs. */
  strangers(values: readonly (Buffer | null)[]): string[]
  /** @param asked what the store has said of strangers: is it stored? */
  take(offset: number, value: Buffer | null, asked?: ReadonlyMap<string, boolean>): Outcome
  /** Nothing of interest comes before this offset: marks of transactions take offsets as well. */
  advance(to: number): void
  /** Makes a cut of what there is, unless it must grow up to where somebody else has cut. */
  close(): void
  /** The first whole cut. */
  next(): Cut | undefined
  /** It is stored. */
  stored(cut: Cut): void
  /** Not stored: whole cuts, and what grows. The last one changes with everything that is taken. */
  unstored(): readonly Cut[]
  unstoredOrders(): number
}

export interface TailStart {
  /** Everything before it is stored. */
  from: number
  /** What somebody was inserting from there. */
  note?: CutNote | undefined
  /** Offsets after `from`, ascending, where somebody has cut before: a cut ends at each of them. */
  boundaries?: readonly number[]
  /** Orders of a cut, at most. */
  batch: number
  seen: Seen
}

export function createTail({ from, note, boundaries = [], batch, seen }: TailStart): Tail {
  const whole: Cut[] = []
  /** Where cuts must end, the next one first. The one that was being inserted goes before what was only shown. */
  const ends = note === undefined ? boundaries.filter((it) => it > from) : [note.to, ...boundaries.filter((it) => it > note.to)]
  let growing = newCut(from)
  /** Of what grows; copied, as a value is a part of all that one fetch brought. */
  let bytes = Buffer.allocUnsafe(FIRST_ORDERS * RECORD_BYTES)
  let position = from
  let stored = from
  let orders = 0

  /** Ends what grows at this offset; what follows begins there. */
  function end(at: number): void {
    growing.to = at
    growing.again = growing.from === from && at === note?.to
    growing.token = growing.again ? note!.token : newToken()
    growing.records = Buffer.from(bytes.subarray(0, growing.orders * RECORD_BYTES))
    whole.push(growing)
    growing = newCut(at)
    if (ends[0] === at) ends.shift()
  }

  /** Moves on to this offset; where a cut must end on the way, it ends there. */
  function moveTo(to: number): void {
    while (ends.length > 0 && ends[0]! <= to) end(ends[0]!)
    position = to
    growing.to = to
  }

  return {
    position: () => position,
    storedUpTo: () => stored,
    strangers: (values) => values.flatMap((value) => (value !== null && isRecord(value) && seen.judge(value, 0) === 'ask' ? [uuidIn(value, 0)] : [])),
    take(offset, value, asked) {
      const outcome = judge(value, asked)
      if (outcome === 'ask') return outcome
      // Ends a cut that must end before it.
      moveTo(offset)
      if (outcome === 'order') keep(offset, value!)
      moveTo(offset + 1)
      if (growing.orders >= batch && ends.length === 0) end(position)
      return outcome
    },
    advance(to) {
      if (to > position) moveTo(to)
    },
    close() {
      if (ends.length === 0 && growing.to > growing.from) end(position)
    },
    next: () => whole[0],
    stored(cut) {
      if (whole[0] !== cut) throw new Error(`the cut ${cut.from}–${cut.to} is stored out of turn`)
      whole.shift()
      stored = cut.to
      orders -= cut.orders
      cut.records = NO_RECORDS
      seen.stored(stored)
    },
    unstored: () => (growing.to > growing.from ? [...whole, growing] : whole),
    unstoredOrders: () => orders,
  }

  function judge(value: Buffer | null, asked: ReadonlyMap<string, boolean> | undefined): Outcome {
    if (value === null || !isRecord(value)) return 'poison'
    const verdict = seen.judge(value, 0)
    if (verdict !== 'ask') return verdict === 'new' ? 'order' : 'duplicate'
    // What is forgotten meanwhile makes strangers of some that were none when the others were asked for.
    const isStored = asked?.get(uuidIn(value, 0))
    if (isStored === undefined) return 'ask'
    return isStored ? 'duplicate' : 'order'
  }

  function keep(offset: number, value: Buffer): void {
    const at = growing.orders * RECORD_BYTES
    if (at + RECORD_BYTES > bytes.length) bytes = Buffer.concat([bytes, Buffer.allocUnsafe(bytes.length)])
    value.copy(bytes, at)
    seen.add(bytes, at, offset)
    addRecord(growing.tallies, bytes, at)
    growing.orders += 1
    orders += 1
  }
}

export const isRecord = (value: Buffer): boolean => value.length === RECORD_BYTES && isOrder(value, 0)

const NO_RECORDS = Buffer.alloc(0)
const FIRST_ORDERS = 256

const newCut = (from: number): Cut => ({ from, to: from, records: NO_RECORDS, orders: 0, tallies: emptyTallies(), token: '', again: false })
