import type { Order } from '../../event.ts'
import { PRODUCT_KEYS, STORE_KEYS, TYPE_KEYS } from '../../postgres/tallies.ts'

/**
 * An order as Flink reads it: JSON, names as their positions in the vocabulary. Nothing in it needs escaping, so it is put together by hand:
 * 0.5 µs where `JSON.stringify` of an object made for it takes 0.9 µs.
 */
export function encodeOrder({ id, type, store, product, amountCents, timestampMs }: Order): Buffer {
  return Buffer.from(
    `{"id":"${id}","type":${TYPE_KEYS.get(type)!},"store":${STORE_KEYS.get(store)!},"product":${PRODUCT_KEYS.get(product)!},"amountCents":${amountCents},"timestampMs":${timestampMs}}`,
    'latin1',
  )
}
