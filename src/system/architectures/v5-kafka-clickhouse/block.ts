import { CENTS_AT, PRODUCT_AT, RECORD_BYTES, STORE_AT, TIMESTAMP_AT, TYPE_AT } from '../../record.ts'

/** Where rows came from. */
export interface Origin {
  /** Of the topic; -1: history. */
  partition: number
  /** The offset after the last of them. */
  upto: number
  /** Of their batch: {@link monthOf}. */
  month: number
}

/** Columns of `incoming`, and of `orders` but for when they were stored. */
const COLUMNS = [
  ['id', 'FixedString(16)', 16], ['timestamp', "DateTime64(3, 'UTC')", 8], ['amount_cents', 'UInt32', 4], ['type', 'UInt8', 1],
  ['store', 'UInt8', 1], ['product', 'UInt8', 1], ['partition', 'Int16', 2], ['upto', 'UInt64', 8], ['month', 'UInt32', 4],
] as const

export const ORDER_COLUMNS = COLUMNS.map(([name]) => name).join(', ')
export const INSERT_INCOMING = `INSERT INTO incoming (${ORDER_COLUMNS}) FORMAT Native`
export const INSERT_ORDERS = `INSERT INTO orders (${ORDER_COLUMNS}) FORMAT Native`

/**
 * Records (see record.ts) as one block in ClickHouse's Native format: column by column, as it stores them, so that neither side has anything to
 * parse. https://clickhouse.com/docs/interfaces/formats/Native
 */
export function toBlock(records: Buffer, { partition, upto, month }: Origin): Buffer {
  const rows = records.length / RECORD_BYTES
  const heads = COLUMNS.map(([name, type]) => Buffer.concat([text(name), text(type)]))
  const start = Buffer.concat([varint(COLUMNS.length), varint(rows)])
  const block = Buffer.allocUnsafe(start.length + heads.reduce((sum, it) => sum + it.length, 0) + rows * COLUMNS.reduce((sum, [, , bytes]) => sum + bytes, 0))
  let end = start.copy(block)
  const column = (index: number): number => {
    const at = end + heads[index]!.copy(block, end)
    end = at + rows * COLUMNS[index]![2]
    return at
  }
  const at = COLUMNS.map((_, index) => column(index))
  const [ids, times, cents, types, stores, products, partitions, uptos, months] = at as [number, number, number, number, number, number, number, number, number]
  for (let row = 0, from = 0; row < rows; row++, from += RECORD_BYTES) {
    records.copy(block, ids + 16 * row, from, from + 16)
    block.writeUIntLE(records.readUIntBE(from + TIMESTAMP_AT, 6), times + 8 * row, 6)
    block.writeUInt16LE(0, times + 8 * row + 6)
    block.writeUInt32LE(records.readUInt32BE(from + CENTS_AT), cents + 4 * row)
    block[types + row] = records[from + TYPE_AT]!
    block[stores + row] = records[from + STORE_AT]!
    block[products + row] = records[from + PRODUCT_AT]!
  }
  fill(block, partitions, rows, Buffer.from(Int16Array.of(partition).buffer))
  fill(block, uptos, rows, Buffer.from(BigUint64Array.of(BigInt(upto)).buffer))
  fill(block, months, rows, Buffer.from(Uint32Array.of(month).buffer))
  return block
}

/** Of the newest of these orders: 202611 is November 2026. Pure: the same batch has the same whenever it is inserted. */
export function monthOf(records: Buffer): number {
  let newestMs = 0
  for (let at = TIMESTAMP_AT; at < records.length; at += RECORD_BYTES) newestMs = Math.max(newestMs, records.readUIntBE(at, 6))
  const newest = new Date(newestMs)
  return 100 * newest.getUTCFullYear() + newest.getUTCMonth() + 1
}

/** One value in every row; typed arrays of this machine are little-endian, as the format is. */
function fill(block: Buffer, at: number, rows: number, value: Buffer): void {
  block.fill(value, at, at + rows * value.length)
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([varint(bytes.length), bytes])
}

/** LEB128. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) | 0x80)
  }
}
