import type { Clickhouse } from '../../../clickhouse/connect.ts'
import { ORDER_TYPES, PRODUCTS, STORES, type StoredOrder } from '../../../event.ts'

/** id 16, timestamp 8, cents 4, type, store, product 1 each, persisted_at 8; little-endian. */
const ROW_BYTES = 39
const TIMESTAMP_AT = 16
const CENTS_AT = 24
const TYPE_AT = 28
const STORE_AT = 29
const PRODUCT_AT = 30
const PERSISTED_AT = 31
const SELECT = 'SELECT id, timestamp, amount_cents, type, store, product, persisted_at FROM orders FORMAT RowBinary'

/** Every stored row once, in one picture, streamed as slowly as the reader likes. */
export async function* readPersisted(clickhouse: Clickhouse): AsyncGenerator<StoredOrder[]> {
  let rest: Buffer = Buffer.alloc(0)
  // Whoever reads has other work in between: the server is to wait for it.
  const settings = { send_timeout: 600, receive_timeout: 600, max_execution_time: 0 }
  for await (const chunk of clickhouse.stream(SELECT, { settings })) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const whole = bytes.length - (bytes.length % ROW_BYTES)
    rest = bytes.subarray(whole)
    if (whole > 0) yield parseRows(bytes, whole)
  }
  if (rest.length > 0) throw new Error(`ClickHouse's answer ended in the middle of a row (${rest.length} bytes left)`)
}

/** Rows in `bytes[0, length)`, which is a whole number of rows. */
export function parseRows(bytes: Buffer, length: number): StoredOrder[] {
  const hex = bytes.toString('hex', 0, length)
  const orders: StoredOrder[] = []
  for (let at = 0; at < length; at += ROW_BYTES) {
    const h = 2 * at
    orders.push({
      id: `${hex.slice(h, h + 8)}-${hex.slice(h + 8, h + 12)}-${hex.slice(h + 12, h + 16)}-${hex.slice(h + 16, h + 20)}-${hex.slice(h + 20, h + 32)}`,
      type: ORDER_TYPES[bytes[at + TYPE_AT]!]!,
      store: STORES[bytes[at + STORE_AT]!]!,
      product: PRODUCTS[bytes[at + PRODUCT_AT]!]!,
      amountCents: bytes.readUInt32LE(at + CENTS_AT),
      timestampMs: bytes.readUIntLE(at + TIMESTAMP_AT, 6),
      persistedAtMs: bytes.readUIntLE(at + PERSISTED_AT, 6),
    })
  }
  return orders
}
