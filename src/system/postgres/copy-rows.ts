import type { Order } from '../event.ts'
import { PRODUCT_KEYS, STORE_KEYS, TYPE_KEYS } from './tallies.ts'

/**
 * Rows for COPY … (FORMAT binary): signature, flags, no extension; rows of a field count (2) and each field after its length (4);
 * -1 as a field count ends it. https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
 */
export const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
export const COPY_TRAILER = Buffer.from([0xff, 0xff])

const ID_ROW = rowOf([16])
/** id, timestamp_ms, amount_cents, type, store, product. */
const ORDER_ROW = rowOf([16, 8, 4, 2, 2, 2])
const ID_AT = 6
const TIMESTAMP_AT = 26
const CENTS_AT = 38
const TYPE_AT = 46
const STORE_AT = 52
const PRODUCT_AT = 58

/** A row whose fields have these widths, all 0. */
export function rowOf(widths: readonly number[]): Buffer {
  const row = Buffer.alloc(widths.reduce((bytes, width) => bytes + 4 + width, 2))
  row.writeInt16BE(widths.length, 0)
  widths.reduce((at, width) => row.writeInt32BE(width, at) + width, 2)
  return row
}

/** `count` copies of a row; doubling what is there costs a few large copies. */
export function repeated(row: Buffer, count: number): Buffer {
  const bytes = Buffer.allocUnsafe(row.length * count)
  row.copy(bytes)
  for (let filled = row.length; filled < bytes.length; filled *= 2) bytes.copy(bytes, filled, 0, filled)
  return bytes
}

/** Rows of `orders`. Ids must be UUIDs in their usual form. */
export function encodeOrders(orders: readonly Order[]): Buffer {
  const rows = repeated(ORDER_ROW, orders.length)
  let at = 0
  for (const { id, timestampMs, amountCents, type, store, product } of orders) {
    writeId(rows, at + ID_AT, id)
    const high = Math.floor(timestampMs / 0x1_0000_0000)
    writeInt32(rows, at + TIMESTAMP_AT, high)
    writeInt32(rows, at + TIMESTAMP_AT + 4, timestampMs - high * 0x1_0000_0000)
    writeInt32(rows, at + CENTS_AT, amountCents)
    rows[at + TYPE_AT + 1] = TYPE_KEYS.get(type)!
    rows[at + STORE_AT + 1] = STORE_KEYS.get(store)!
    rows[at + PRODUCT_AT + 1] = PRODUCT_KEYS.get(product)!
    at += ORDER_ROW.length
  }
  return rows
}

/** Rows of a table of ids alone. */
export function encodeIds(orders: readonly Order[]): Buffer {
  const rows = repeated(ID_ROW, orders.length)
  orders.forEach(({ id }, i) => writeId(rows, i * ID_ROW.length + ID_AT, id))
  return rows
}

/** By char code; no allocation, where `Buffer.from(hex, 'hex')` makes a buffer and a call out of JavaScript for every id. */
const NIBBLE = Uint8Array.from({ length: 128 }, (_, code) => Math.max(0, '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase())))

/** 16 bytes. */
export function writeId(bytes: Buffer, at: number, id: string): void {
  let from = 0
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) from++
    bytes[at + i] = (NIBBLE[id.charCodeAt(from)]! << 4) | NIBBLE[id.charCodeAt(from + 1)]!
    from += 2
  }
}

/** Big-endian. */
export function writeInt32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
