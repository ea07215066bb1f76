/**
 * One event: one coffee order. The vocabulary (types, stores, products) is closed, so every map
 * keyed by it is bounded.
 */
export const ORDER_TYPES = ['order_placed', 'order_paid', 'order_cancelled'] as const
export type OrderType = (typeof ORDER_TYPES)[number]

/** 50 stores, `store-01` … `store-50`. */
export const STORES: readonly string[] = Array.from({ length: 50 }, (_, i) => `store-${String(i + 1).padStart(2, '0')}`)

/** 20 products, most popular first. */
export const PRODUCTS: readonly string[] = [
  'latte', 'cappuccino', 'espresso', 'flat-white', 'americano', 'mocha', 'cold-brew', 'macchiato', 'cortado', 'filter',
  'chai-latte', 'matcha-latte', 'hot-chocolate', 'green-tea', 'black-tea', 'croissant', 'muffin', 'bagel', 'cookie', 'sandwich',
]

/** An order inside the system: money in integer cents, time in ms since the epoch. */
export interface Order {
  /** A UUID in lower case; the lab's own are UUIDv7. */
  id: string
  type: OrderType
  /** One of {@link STORES}. */
  store: string
  /** One of {@link PRODUCTS}. */
  product: string
  /** 0 unless `type` is `order_placed`. */
  amountCents: number
  timestampMs: number
}

/** An order, and to whom it belongs where orders belong to somebody: `Caller.owner` of who sent it. */
export interface OwnedOrder extends Order {
  owner?: string
}

/** An order as read back from the store, with the moment the store itself put beside it at insert. */
export interface StoredOrder extends OwnedOrder {
  persistedAtMs: number
}

export const OLDEST_TIMESTAMP_MS = Date.UTC(2020, 0, 1)
/** How far ahead of the server's clock a timestamp may lie. */
export const MAX_CLOCK_AHEAD_MS = 5 * 60_000
export const MAX_BATCH = 1_000
/** Largest amount of one order: 10,000.00. */
export const MAX_AMOUNT_CENTS = 1_000_000
