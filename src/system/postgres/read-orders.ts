import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import type { Context } from '../context.ts'
import { ORDER_TYPES, PRODUCTS, STORES, type StoredOrder } from '../event.ts'
import { connectionOf } from './connect.ts'
import copyOrders from './sql/copy-orders.sql?raw'

const CONNECT_WITHIN_MS = 5_000

/** Where rows are copied from when they are more than orders alone. */
export interface OwnedCopy {
  /** As `copy-orders.sql`, with one column more at the end, an integer: to whom the order belongs. */
  ownedSql: string
}

/** One COPY on a connection of its own: a consistent picture, streamed, as slowly as the reader likes. */
export async function* readPersisted(context: Context, owned?: OwnedCopy): AsyncGenerator<StoredOrder[]> {
  const rowBytes = owned === undefined ? ROW_BYTES : OWNED_ROW_BYTES
  const client = new pg.Client({ ...connectionOf(context), application_name: 'judge-copy', connectionTimeoutMillis: CONNECT_WITHIN_MS })
  client.on('error', () => {})
  await client.connect()
  try {
    let rest: Buffer = Buffer.alloc(0)
    let header = true
    for await (const chunk of client.query(copyTo(owned?.ownedSql ?? copyOrders)) as AsyncIterable<Buffer>) {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      if (header) {
        if (bytes.length < HEADER_BYTES) {
          rest = bytes
          continue
        }
        bytes = bytes.subarray(HEADER_BYTES)
        header = false
      }
      const whole = bytes.length - (bytes.length % rowBytes)
      rest = bytes.subarray(whole)
      if (whole > 0) yield owned === undefined ? parseRows(bytes, whole) : parseOwnedRows(bytes, whole)
    }
    // Two bytes of -1 end the data.
    if (rest.length !== 2 || rest.readInt16BE(0) !== -1) throw new Error(`the copy of orders ended in the middle of a row (${rest.length} bytes left)`)
  } finally {
    await client.end()
  }
}

/** Signature, flags, no extension. https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4 */
const HEADER_BYTES = 19
/** Field count (2), then each field after its length (4): id 16, timestamp_ms 8, persisted_at 8, amount_cents 4, type, store, product 2 each. */
const ROW_BYTES = 2 + (4 + 16) + (4 + 8) + (4 + 8) + (4 + 4) + 3 * (4 + 2)
const ID_AT = 6
const TIMESTAMP_AT = 26
const PERSISTED_AT = 38
const CENTS_AT = 50
const TYPE_AT = 58
const STORE_AT = 64
const PRODUCT_AT = 70
/** One integer more: the owner. */
const OWNED_ROW_BYTES = ROW_BYTES + 4 + 4
const OWNER_AT = ROW_BYTES + 4
/** PostgreSQL counts microseconds from 2000. */
const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1)

/** Rows in `bytes[0, length)`, which is a whole number of rows. */
export function parseRows(bytes: Buffer, length: number): StoredOrder[] {
  const hex = bytes.toString('hex', 0, length)
  const orders: StoredOrder[] = []
  for (let at = 0; at < length; at += ROW_BYTES) orders.push(parseRow(bytes, hex, at))
  return orders
}

/** The same with an owner in every row. */
export function parseOwnedRows(bytes: Buffer, length: number): StoredOrder[] {
  const hex = bytes.toString('hex', 0, length)
  const orders: StoredOrder[] = []
  for (let at = 0; at < length; at += OWNED_ROW_BYTES) orders.push({ ...parseRow(bytes, hex, at), owner: String(bytes.readInt32BE(at + OWNER_AT)) })
  return orders
}

function parseRow(bytes: Buffer, hex: string, at: number): StoredOrder {
  const h = 2 * (at + ID_AT)
  return {
    id: `${hex.slice(h, h + 8)}-${hex.slice(h + 8, h + 12)}-${hex.slice(h + 12, h + 16)}-${hex.slice(h + 16, h + 20)}-${hex.slice(h + 20, h + 32)}`,
    type: ORDER_TYPES[bytes.readInt16BE(at + TYPE_AT)]!,
    store: STORES[bytes.readInt16BE(at + STORE_AT)]!,
    product: PRODUCTS[bytes.readInt16BE(at + PRODUCT_AT)]!,
    amountCents: bytes.readInt32BE(at + CENTS_AT),
    timestampMs: int64(bytes, at + TIMESTAMP_AT),
    persistedAtMs: POSTGRES_EPOCH_MS + int64(bytes, at + PERSISTED_AT) / 1_000,
  }
}

/** Exact up to 2^53. */
function int64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}
