import { ORDER_TYPES, PRODUCTS, STORES, type Order } from './event.ts'

/**
 * An order between two of our own processes: 29 bytes, big-endian, where JSON takes 170.
 *
 *   0 id (16)   16 timestamp, ms (6)   22 cents (4)   26 type (1)   27 store (1)   28 product (1)
 *
 * Names are positions in their vocabulary. Bytes rather than text because neither side has anything to parse or to escape.
 */
export const RECORD_BYTES = 29
export const TIMESTAMP_AT = 16
export const CENTS_AT = 22
export const TYPE_AT = 26
export const STORE_AT = 27
export const PRODUCT_AT = 28

const positions = (names: readonly string[]): ReadonlyMap<string, number> => new Map(names.map((name, i) => [name, i]))
const TYPE_OF = positions(ORDER_TYPES)
const STORE_OF = positions(STORES)
const PRODUCT_OF = positions(PRODUCTS)

const NIBBLE = Uint8Array.from({ length: 128 }, (_, code) => Math.max(0, '0123456789abcdef'.indexOf(String.fromCharCode(code))))
/** Where the 16 bytes of an id begin in its 36 characters. */
const PAIRS = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const

/** Writes {@link RECORD_BYTES} bytes at `at`. */
export function encodeOrder(order: Order, bytes: Buffer, at: number): void {
  for (let i = 0; i < 16; i++) {
    const pair = PAIRS[i]!
    bytes[at + i] = (NIBBLE[order.id.charCodeAt(pair)]! << 4) | NIBBLE[order.id.charCodeAt(pair + 1)]!
  }
  bytes.writeUIntBE(order.timestampMs, at + TIMESTAMP_AT, 6)
  bytes.writeUInt32BE(order.amountCents, at + CENTS_AT)
  bytes[at + TYPE_AT] = TYPE_OF.get(order.type)!
  bytes[at + STORE_AT] = STORE_OF.get(order.store)!
  bytes[at + PRODUCT_AT] = PRODUCT_OF.get(order.product)!
}

/** The order in a record that {@link isOrder}. */
export function decodeOrder(bytes: Buffer, at: number): Order {
  return {
    id: decodeId(bytes, at),
    type: ORDER_TYPES[bytes[at + TYPE_AT]!]!,
    store: STORES[bytes[at + STORE_AT]!]!,
    product: PRODUCTS[bytes[at + PRODUCT_AT]!]!,
    amountCents: bytes.readUInt32BE(at + CENTS_AT),
    timestampMs: bytes.readUIntBE(at + TIMESTAMP_AT, 6),
  }
}

/** The id of the record at `at`. */
export function decodeId(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Are its positions inside their vocabularies? Everything else in a record is an order whatever it holds. */
export function isOrder(bytes: Buffer, at: number): boolean {
  return bytes[at + TYPE_AT]! < ORDER_TYPES.length && bytes[at + STORE_AT]! < STORES.length && bytes[at + PRODUCT_AT]! < PRODUCTS.length
}

/** Records of these orders, one after the other. */
export function encodeOrders(orders: readonly Order[]): Buffer {
  const bytes = Buffer.allocUnsafe(orders.length * RECORD_BYTES)
  for (const [i, order] of orders.entries()) encodeOrder(order, bytes, i * RECORD_BYTES)
  return bytes
}
