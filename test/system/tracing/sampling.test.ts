import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeId, encodeOrder, RECORD_BYTES } from '../../../src/system/record.ts'
import { eventIdOf, readTraceparent, rootSpanIdOf, samplingOf, traceIdOf } from '../../../src/system/tracing/sampling.ts'

const order = (id: string) => ({ id, type: 'order_placed' as const, store: 'store-01', product: 'latte', amountCents: 350, timestampMs: 1_700_000_000_000 })

describe('which events are traced', () => {
  test('a process that has text and one that has bytes decide alike', () => {
    fc.assert(fc.property(fc.uuid(), fc.double({ min: 0, max: 1, noNaN: true }), (id, ratio) => {
      const record = Buffer.alloc(RECORD_BYTES)
      encodeOrder(order(id), record, 0)
      const sampling = samplingOf(ratio)
      expect(sampling.hasAt(record, 0)).toBe(sampling.has(id))
      expect(decodeId(record, 0)).toBe(id)
    }))
  })

  test.each([[1 / 50, 2_000], [1 / 3, 33_333], [1, 100_000], [0, 0]])('of ids that count up about a share of %d', (ratio, expected) => {
    const sampling = samplingOf(ratio)
    let chosen = 0
    for (let n = 0; n < 100_000; n += 1) if (sampling.has(`01a20009-b55e-7ba9-8e9c-${n.toString(16).padStart(12, '0')}`)) chosen += 1
    expect(Math.abs(chosen - expected)).toBeLessThanOrEqual(5 * Math.sqrt(expected))
  })

  test('never the id that is all zeros: it would be no trace id', () => {
    expect(samplingOf(1).has('00000000-0000-0000-0000-000000000000')).toBe(false)
  })

  test("an event's id is its trace's, and back", () => {
    fc.assert(fc.property(fc.uuid(), (id) => {
      expect(eventIdOf(traceIdOf(id))).toBe(id)
      expect(traceIdOf(id).endsWith(rootSpanIdOf(id))).toBe(true)
    }))
  })
})

test.each([
  ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', sampled: true }],
  ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00', { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', sampled: false }],
  ['cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-brings', { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', sampled: true }],
  ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more', undefined],
  ['ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', undefined],
  ['00-00000000000000000000000000000000-b7ad6b7169203331-01', undefined],
  ['00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01', undefined],
  ['', undefined],
  [undefined, undefined],
])('traceparent %s', (header, expected) => {
  expect(readTraceparent(header)).toEqual(expected)
})
