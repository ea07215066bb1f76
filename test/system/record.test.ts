import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_AMOUNT_CENTS, ORDER_TYPES, PRODUCTS, STORES, type Order } from '../../src/system/event.ts'
import { decodeOrder, encodeOrder, encodeOrders, isOrder, PRODUCT_AT, RECORD_BYTES, STORE_AT, TYPE_AT } from '../../src/system/record.ts'
import { randomOrders } from './orders.ts'

const anyOrder: fc.Arbitrary<Order> = fc.record({
  id: fc.uuid(),
  type: fc.constantFrom(...ORDER_TYPES),
  store: fc.constantFrom(...STORES),
  product: fc.constantFrom(...PRODUCTS),
  amountCents: fc.integer({ min: 0, max: MAX_AMOUNT_CENTS }),
  timestampMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
})

describe('a record', () => {
  it('comes back as the order it was, wherever it stands (property)', () => {
    fc.assert(fc.property(anyOrder, fc.integer({ min: 0, max: 100 }), (order, at) => {
      const bytes = Buffer.alloc(at + RECORD_BYTES, 0xff)
      encodeOrder(order, bytes, at)
      expect(isOrder(bytes, at)).toBe(true)
      expect(decodeOrder(bytes, at)).toEqual(order)
    }))
  })

  it('follows another without a gap', () => {
    const orders = randomOrders(5, 1, Date.UTC(2026, 10, 21))
    const bytes = encodeOrders(orders)
    expect(bytes).toHaveLength(5 * RECORD_BYTES)
    expect(orders.map((_, i) => decodeOrder(bytes, i * RECORD_BYTES))).toEqual(orders)
  })

  it.each([['type', TYPE_AT, ORDER_TYPES.length], ['store', STORE_AT, STORES.length], ['product', PRODUCT_AT, PRODUCTS.length]])('is no order with a %s that there is not', (_, at, first) => {
    const bytes = encodeOrders(randomOrders(1, 2, Date.UTC(2026, 10, 21)))
    bytes[at] = first - 1
    expect(isOrder(bytes, 0)).toBe(true)
    bytes[at] = first
    expect(isOrder(bytes, 0)).toBe(false)
  })
})
