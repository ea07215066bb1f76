import { binaryArray, elementAt } from '../../postgres/binary-array.ts'
import { CENTS_AT, isOrder, PRODUCT_AT, RECORD_BYTES, STORE_AT, TIMESTAMP_AT, TYPE_AT } from '../../record.ts'

/**
 * One stream entry has one field, `e`: the records of 1 … {@link MAX_ENTRY_RECORDS} orders, one after the other. Many records
 * an entry because Redis does its work by the entry: pending lists and their lines in the append-only file, acknowledging, deleting.
 */
export const FIELD = 'e'
/** A quarter of the default batch, so that batches fill well with whole entries. */
export const MAX_ENTRY_RECORDS = 250

export interface Entry {
  /** Redis' id of the stream entry. */
  entryId: string
  records: Buffer
  /** When this process read it, ms since the epoch; where it traces. */
  readMs?: number
}

/** One record, where it stands in its entry. */
export interface Place {
  entry: Entry
  /** Byte at which it begins. */
  at: number
}

/** What cannot be an order, or cannot be stored. */
export interface Poison {
  entry: Entry
  /** The record; all bytes of an entry that has none. */
  record: Buffer
  reason: string
}

/** Events in an entry, as they were counted when it was written; none in one that is not made of records, which the publisher never writes. */
export function recordsIn({ records }: Entry): number {
  return records.length % RECORD_BYTES === 0 ? records.length / RECORD_BYTES : 0
}

/** The bytes of one record. */
export function recordAt({ entry, at }: Place): Buffer {
  return entry.records.subarray(at, at + RECORD_BYTES)
}

/** Sorts out what cannot be an order, record by record; an entry that is not made of records goes as a whole. Pure. */
export function checkEntries(entries: readonly Entry[]): { good: Place[]; poison: Poison[] } {
  const good: Place[] = []
  const poison: Poison[] = []
  for (const entry of entries) {
    const { records } = entry
    if (recordsIn(entry) === 0) poison.push({ entry, record: records, reason: `${records.length} bytes where every record has ${RECORD_BYTES}` })
    else for (let at = 0; at < records.length; at += RECORD_BYTES) {
      if (isOrder(records, at)) good.push({ entry, at })
      else poison.push({ entry, record: recordAt({ entry, at }), reason: 'a position outside its vocabulary' })
    }
  }
  return { good, poison }
}

/** By the bytes of the id, as PostgreSQL sorts. A loop here: `Buffer.compare` is a call out of JavaScript for the few bytes that differ. */
function byId(a: Place, b: Place): number {
  const [left, right] = [a.entry.records, b.entry.records]
  for (let i = 0; i < 16; i++) {
    const difference = left[a.at + i]! - right[b.at + i]!
    if (difference !== 0) return difference
  }
  return 0
}

/** What a batch adds to `totals`, row by row. */
export interface Tallies {
  dimensions: string[]
  keys: number[]
  counts: number[]
  revenueCents: number[]
}

export interface Batch {
  /** In the order of `store-batch.sql`: arrays of PostgreSQL in their binary form. */
  columns: Buffer[]
  tallies: Tallies
}

/**
 * Checked records as parameters, sorted by id: two workers that have the same ids then wait for each other and never deadlock,
 * and the index is walked in one direction. Arrays in binary: as text PostgreSQL spent 2–3 µs an event on reading them.
 */
export function toBatch(places: readonly Place[]): Batch {
  const sorted = places.toSorted(byId)
  const [ids, timestamps, cents] = [binaryArray('uuid', sorted.length), binaryArray('int8', sorted.length), binaryArray('int4', sorted.length)]
  const [types, stores, products] = [binaryArray('int2', sorted.length), binaryArray('int2', sorted.length), binaryArray('int2', sorted.length)]
  const tally = createTally()
  for (let row = 0; row < sorted.length; row++) {
    const { entry: { records }, at } = sorted[row]!
    const timestampMs = records.readUIntBE(at + TIMESTAMP_AT, 6)
    const amountCents = records.readUInt32BE(at + CENTS_AT)
    const [type, store, product] = [records[at + TYPE_AT]!, records[at + STORE_AT]!, records[at + PRODUCT_AT]!]
    records.copy(ids, elementAt(16, row), at, at + 16)
    records.copy(timestamps, elementAt(8, row) + 2, at + TIMESTAMP_AT, at + TIMESTAMP_AT + 6)
    cents.writeUInt32BE(amountCents, elementAt(4, row))
    types[elementAt(2, row) + 1] = type
    stores[elementAt(2, row) + 1] = store
    products[elementAt(2, row) + 1] = product
    tally.add('all', 0, amountCents)
    tally.add('type', type, amountCents)
    tally.add('store', store, amountCents)
    tally.add('product', product, amountCents)
    tally.add('hour', Math.floor(timestampMs / 3_600_000), amountCents)
  }
  return { columns: [ids, timestamps, cents, types, stores, products], tallies: tally.rows() }
}

function createTally(): { add(dimension: string, key: number, cents: number): void; rows(): Tallies } {
  const byDimension = new Map<string, Map<number, { count: number; cents: number }>>()
  return {
    add(dimension, key, cents) {
      let keys = byDimension.get(dimension)
      if (keys === undefined) byDimension.set(dimension, (keys = new Map()))
      const sum = keys.get(key)
      if (sum === undefined) {
        keys.set(key, { count: 1, cents })
      } else {
        sum.count += 1
        sum.cents += cents
      }
    },
    rows() {
      const tallies: Tallies = { dimensions: [], keys: [], counts: [], revenueCents: [] }
      for (const [dimension, keys] of byDimension) {
        for (const [key, sum] of keys) {
          tallies.dimensions.push(dimension)
          tallies.keys.push(key)
          tallies.counts.push(sum.count)
          tallies.revenueCents.push(sum.cents)
        }
      }
      return tallies
    },
  }
}
