import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeSpans, encodeSpans } from '../../../src/system/tracing/otlp.ts'
import type { Span } from '../../../src/system/tracing/span.ts'

const hex = (digits: number) => fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits })
/** Whole microseconds, which a double of today's time still holds. */
const ms = fc.integer({ min: 1_600_000_000_000_000, max: 2_000_000_000_000_000 }).map((us) => us / 1_000)
const span: fc.Arbitrary<Span> = fc.record({
  traceId: hex(32), spanId: hex(16), parentSpanId: hex(16), name: fc.string(), service: fc.constant('api'),
  kind: fc.constantFrom('internal', 'server', 'producer', 'consumer'), fromMs: ms, toMs: ms,
  failed: fc.constant(true), attributes: fc.dictionary(fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'), fc.oneof(fc.string(), fc.integer()), { minKeys: 1, noNullPrototype: true }),
  links: fc.array(fc.record({ traceId: hex(32), spanId: hex(16) }, { noNullPrototype: true }), { minLength: 1 }),
}, { requiredKeys: ['traceId', 'spanId', 'name', 'kind', 'service', 'fromMs', 'toMs'], noNullPrototype: true })

describe('OTLP in JSON', () => {
  test('what is sent is what arrives; a span that would end before it began ends when it began', () => {
    fc.assert(fc.property(fc.array(span), (spans) => {
      const [received] = decodeSpans(encodeSpans('api', { instance: 'a-1', dropped: 3 }, spans))
      expect(received).toMatchObject({ service: 'api', instance: 'a-1', dropped: 3 })
      expect(received!.spans.map(({ fromMs: _, toMs: __, ...rest }) => rest)).toEqual(spans.map(({ fromMs: _, toMs: __, ...rest }) => rest))
      for (const [index, { fromMs, toMs }] of received!.spans.entries()) {
        expect(fromMs).toBeCloseTo(spans[index]!.fromMs, 2)
        expect(toMs).toBeCloseTo(Math.max(spans[index]!.fromMs, spans[index]!.toMs), 2)
      }
    }))
  })

  test('in the form of the standard: ids in hex, numbers of 64 bits as text', () => {
    const text = encodeSpans('worker', { instance: 'w', dropped: 0 }, [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), name: 'store', kind: 'consumer', fromMs: 1_700_000_000_000.25, toMs: 1_700_000_000_001, attributes: { n: 7 } }])
    expect(JSON.parse(text).resourceSpans[0].scopeSpans[0].spans[0]).toEqual({
      traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), name: 'store', kind: 5, startTimeUnixNano: '1700000000000250000', endTimeUnixNano: '1700000000001000000',
      attributes: [{ key: 'n', value: { intValue: '7' } }],
    })
  })

  test.each([
    ['{}', /resourceSpans is no list/],
    ['[', /JSON/],
    ['{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}]}', /expected 32 hex digits/],
    [`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${'a'.repeat(32)}","spanId":"${'b'.repeat(16)}","startTimeUnixNano":"soon"}]}]}]}`, /expected nanoseconds/],
  ])('%s is refused', (body, says) => {
    expect(() => decodeSpans(body)).toThrow(says)
  })
})
