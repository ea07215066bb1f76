import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_AMOUNT_CENTS, OLDEST_TIMESTAMP_MS, ORDER_TYPES, PRODUCTS, STORES } from '../../src/system/event.ts'
import { Refusal } from '../../src/system/problem.ts'
import { parseBatch, parseOrder, readOrder, readTimestamp } from '../../src/system/validation.ts'
import { wire } from './orders.ts'

const NOW = Date.UTC(2026, 10, 21, 8)
const GOOD = { id: '01932B7A-1c00-7abc-8def-00000000000a', type: 'order_placed', store: 'store-01', product: 'latte', amount: 4.5, timestamp: '2026-11-21T07:59:59.999Z' }
const change = (field: string, value: unknown) => ({ ...GOOD, [field]: value })

describe('an order', () => {
  it('is read into cents, milliseconds and a lower-case id', () => {
    expect(readOrder(GOOD, NOW)).toEqual({
      id: '01932b7a-1c00-7abc-8def-00000000000a', type: 'order_placed', store: 'store-01', product: 'latte', amountCents: 450, timestampMs: NOW - 1,
    })
  })

  it.each([
    ['an id without dashes', 'id', '01932b7a1c007abc8def00000000000a'],
    ['an id in braces', 'id', '{01932b7a-1c00-7abc-8def-00000000000}'],
    ['an id with a letter past f', 'id', '01932b7a-1c00-7abc-8def-00000000000g'],
    ['an id with a newline at its end', 'id', '01932b7a-1c00-7abc-8def-0000000000\n'],
    ['an id that is a number', 'id', 7],
    ['a missing id', 'id', undefined],
    ['an unknown type', 'type', 'order_refunded'],
    ['a type named like a method', 'type', 'constructor'],
    ['store 51', 'store', 'store-51'],
    ['store 1 without its zero', 'store', 'store-1'],
    ['a product in capitals', 'product', 'Latte'],
    ['a product with a NUL', 'product', 'latte\0'],
    ['three decimals', 'amount', 4.555],
    ['a tenth of a cent', 'amount', 0.001],
    ['a negative amount', 'amount', -1],
    ['an amount past the largest', 'amount', 10_000.01],
    ['an infinite amount', 'amount', Infinity],
    ['an amount as text', 'amount', '4.50'],
    ['an amount as list', 'amount', [4.5]],
    ['no amount', 'amount', undefined],
    ['a time without milliseconds', 'timestamp', '2026-11-21T07:59:59Z'],
    ['a time with an offset', 'timestamp', '2026-11-21T07:59:59.999+00:00'],
    ['a day that is not', 'timestamp', '2026-02-30T00:00:00.000Z'],
    ['the 29th of February in a common year', 'timestamp', '2025-02-29T00:00:00.000Z'],
    ['hour 24', 'timestamp', '2026-11-20T24:00:00.000Z'],
    ['a leap second', 'timestamp', '2026-06-30T23:59:60.000Z'],
    ['letters in the time', 'timestamp', '2026-11-21T0x:59:59.999Z'],
    ['2019', 'timestamp', '2019-12-31T23:59:59.999Z'],
    ['six minutes from now', 'timestamp', '2026-11-21T08:06:00.000Z'],
    ['a number as time', 'timestamp', NOW],
    ['an unknown field', 'note', 'extra shot'],
    ['a field named __proto__', '__proto__x', 1],
  ])('is refused for %s', (_what, field, value) => {
    expect(readOrder(change(field, value), NOW)).toMatchObject({ field })
  })

  it('with an own __proto__ is refused by that name and changes no prototype', () => {
    const given = JSON.parse(`{"__proto__": {"polluted": 1}, "id": "x"}`) as unknown
    expect(readOrder(given, NOW)).toMatchObject({ field: '__proto__' })
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  it.each([[null], [[]], ['text'], [5], [true]])('is no %j', (value) => {
    expect(readOrder(value, NOW)).toHaveProperty('error')
  })

  it('costs nothing unless it is placed', () => {
    expect(readOrder({ ...GOOD, type: 'order_paid' }, NOW)).toMatchObject({ field: 'amount' })
    expect(readOrder({ ...GOOD, type: 'order_paid', amount: 0 }, NOW)).toMatchObject({ amountCents: 0 })
  })

  it('is read back as it was, whatever it is (property)', () => {
    const order = fc.record({
      id: fc.uuid(),
      type: fc.constantFrom(...ORDER_TYPES),
      store: fc.constantFrom(...STORES),
      product: fc.constantFrom(...PRODUCTS),
      amountCents: fc.integer({ min: 0, max: MAX_AMOUNT_CENTS }),
      timestampMs: fc.integer({ min: OLDEST_TIMESTAMP_MS, max: NOW + 5 * 60_000 }),
    }).map((it) => (it.type === 'order_placed' ? it : { ...it, amountCents: 0 }))
    fc.assert(fc.property(order, (it) => {
      expect(parseOrder(Buffer.from(JSON.stringify(wire(it))), NOW)).toEqual(it)
    }), { numRuns: 500 })
  })

  it('or a refusal with 400, whatever the bytes (property)', () => {
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.json().map((it) => Buffer.from(it))), (bytes) => {
      try {
        parseOrder(Buffer.from(bytes), NOW)
      } catch (error) {
        expect(error).toBeInstanceOf(Refusal)
        expect((error as Refusal).status).toBe(400)
      }
    }), { numRuns: 500 })
  })

  it('nested 2,000 deep is refused and not quoted', () => {
    expect(() => parseOrder(Buffer.from(`${'['.repeat(2_000)}${']'.repeat(2_000)}`), NOW)).toThrow(Refusal)
    const deep = `{"id":${'['.repeat(1_900)}${']'.repeat(1_900)}}`
    expect(() => parseOrder(Buffer.from(deep), NOW)).toThrow(/id is an array/)
  })
})

describe('a timestamp', () => {
  it('is read as Date.parse reads it (property)', () => {
    fc.assert(fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }), (date) => {
      expect(readTimestamp(date.toISOString())).toBe(date.getTime())
    }))
  })
})

describe('a batch', () => {
  const refused = (body: string, ndjson = false) => {
    try {
      parseBatch(body, ndjson, NOW)
    } catch (error) {
      if (error instanceof Refusal) return error
      throw error
    }
    throw new Error('it was accepted')
  }

  it('is a JSON array or one order a line', () => {
    expect(parseBatch(JSON.stringify([GOOD, GOOD]), false, NOW)).toHaveLength(2)
    expect(parseBatch(`${JSON.stringify(GOOD)}\r\n\n${JSON.stringify(GOOD)}\n`, true, NOW)).toHaveLength(2)
  })

  it('names every failing index, with the first one on top', () => {
    expect(refused(JSON.stringify([GOOD, change('store', 'x'), GOOD, 3])).body).toMatchObject({
      index: 1, field: 'store', errors: [{ index: 1, field: 'store' }, { index: 3, error: 'an order is a JSON object, this is a number' }],
    })
    expect(refused(`${JSON.stringify(GOOD)}\n{"id"\n${JSON.stringify(change('amount', -1))}`, true).body).toMatchObject({
      index: 1, errors: [{ index: 1 }, { index: 2, field: 'amount' }],
    })
  })

  it.each([
    ['nothing', ''], ['an empty array', '[]'], ['an object', '{}'], ['a text', '"x"'], ['half of an array', '[{'], ['1,001 orders', JSON.stringify(Array(1_001).fill(GOOD))],
  ])('of %s is refused', (_what, body) => {
    expect(refused(body).status).toBe(400)
  })

  it('of 1,001 lines is refused', () => {
    expect(refused('{}\n'.repeat(1_001), true).body.error).toContain('1 to 1000')
  })
})
