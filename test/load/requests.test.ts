import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { orderBody, profileNumber } from '../../src/load/customers.ts'
import { MAX_SEQUENCE, parseOrderId, sourceOf } from '../../src/load/order-id.ts'
import { orderJson, requestWriter } from '../../src/load/requests.ts'
import type { Order } from '../../src/system/event.ts'

const plan = { baseUrl: 'http://127.0.0.1:8005', path: '/api/v2', headers: { 'X-Tenant': 'a' }, seed: 42, runTag: 0xabcdef, injector: 5 }
const timeMs = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2100, 0, 1) })
const sequence = fc.integer({ min: 0, max: MAX_SEQUENCE })

/** What JSON.stringify would send for an order. */
function onTheWire({ id, type, store, product, amountCents, timestampMs }: Order): unknown {
  return { id, type, store, product, amount: amountCents / 100, timestamp: new Date(timestampMs).toISOString() }
}

function expected(id: string): unknown {
  return onTheWire(orderBody(plan.seed, id, parseOrderId(id)!))
}

function bodyOf(request: string): string {
  const [head, body] = request.split('\r\n\r\n') as [string, string]
  expect(head).toContain(`\r\nContent-Length: ${Buffer.byteLength(body)}`)
  return body
}

test("a commuter's body is exactly what orderBody says of its id", () => {
  const write = requestWriter(plan)
  fc.assert(
    fc.property(sequence, timeMs, (n, ms) => {
      const order = JSON.parse(bodyOf(write.commuter(n, ms))) as { id: string }
      expect(parseOrderId(order.id)).toEqual({ timeMs: ms, runTag: plan.runTag, source: sourceOf(5, profileNumber('commuter')), sequence: n })
      expect(order).toEqual(expected(order.id))
    }),
  )
})

test('an office brings contiguous events of one source and one time', () => {
  const write = requestWriter(plan)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 1, max: 20 }), timeMs, (n, events, ms) => {
      const orders = JSON.parse(bodyOf(write.office(n, events, ms))) as { id: string }[]
      expect(orders.map(({ id }) => parseOrderId(id)!.sequence)).toEqual(Array.from({ length: events }, (_, i) => n + i))
      expect(orders).toEqual(orders.map(({ id }) => expected(id)))
      expect(new Set(orders.map(({ id }) => parseOrderId(id)!.source))).toEqual(new Set([sourceOf(5, profileNumber('office'))]))
    }),
  )
})

test('any amount is written as a number with at most two places', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000 }), timeMs, (amountCents, timestampMs) => {
      const order: Order = { id: 'x', type: 'order_placed', store: 'store-01', product: 'latte', amountCents, timestampMs }
      expect(JSON.parse(orderJson(order))).toEqual(onTheWire(order))
      expect(orderJson(order)).toMatch(/"amount":\d+(\.\d{1,2})?,/)
    }),
  )
})

describe('heads', () => {
  const write = requestWriter(plan)
  test('a commuter', () => {
    expect(write.commuter(0, 1.7e12).split('\r\n').slice(0, 4)).toEqual([
      'POST /api/v2/order HTTP/1.1', 'Host: 127.0.0.1:8005', 'X-Tenant: a', 'Content-Type: application/json',
    ])
  })
  test('an office', () => expect(write.office(0, 5, 1.7e12)).toMatch(/^POST \/api\/v2\/orders HTTP\/1.1\r\n/))
  test('a browser', () => expect(write.browser(0, 1.7e12)).toBe('GET /api/dashboard HTTP/1.1\r\nHost: 127.0.0.1:8005\r\nX-Tenant: a\r\n\r\n'))
  test('an analyst asks all four questions', () => {
    const asked = new Set(Array.from({ length: 100 }, (_, n) => /by=(\w+) HTTP\/1.1\r\n/.exec(write.analyst(n, 1.7e12))?.[1]))
    expect([...asked].sort()).toEqual(['hour', 'product', 'store', 'type'])
  })
})
