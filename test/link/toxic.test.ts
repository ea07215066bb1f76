import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readToxic, TOXICS, type ToxicKind } from '../../src/link/toxic.ts'

describe('reading how much of it', () => {
  test.each([
    ['latency', '200ms', { delayMs: 200, jitterMs: 0, direction: 'down', share: 1 }],
    ['latency', '200ms±50ms', { delayMs: 200, jitterMs: 50 }],
    ['latency', '200ms±50', { delayMs: 200, jitterMs: 50 }],
    ['latency', '1.5s+-250ms', { delayMs: 1_500, jitterMs: 250 }],
    ['latency', '200ms+/-50ms,both,30%', { delayMs: 200, jitterMs: 50, direction: 'both', share: 0.3 }],
    ['bandwidth', '100kB/s', { bytesPerSecond: 100_000, direction: 'both' }],
    ['bandwidth', '1.5MB/s,up', { bytesPerSecond: 1_500_000, direction: 'up' }],
    ['slow-close', '5s', { closeMs: 5_000 }],
    ['reset', undefined, { direction: 'both', share: 1 }],
    ['reset', '50%', { share: 0.5 }],
    ['reset-reply', undefined, { direction: 'down' }],
    ['timeout', 'down', { direction: 'down' }],
  ] as [ToxicKind, string | undefined, object][])('%s %s', (kind, text, toxic) => expect(readToxic(kind, text)).toMatchObject({ ok: true, toxic: { kind, ...toxic } }))

  test.each([
    ['latency', undefined, 'must say how long: latency:kafka=200ms'],
    ['latency', '', 'must say how long'],
    ['latency', '200', '"200" is no delay; allowed are such as 200ms'],
    ['latency', '200 ms', 'is no delay'],
    ['latency', '0ms', 'delays nothing'],
    ['latency', '61s', 'at most 60s'],
    ['latency', '50ms±200ms', 'the jitter is more than the delay'],
    ['latency', '200ms±', 'is no delay'],
    ['latency', '200ms±50ms±1ms', 'is no delay'],
    ['latency', '200ms,sideways', '"sideways" is none of up, down, both, or a share'],
    ['bandwidth', undefined, 'must say how much passes: bandwidth:kafka=100kB/s'],
    ['bandwidth', '100', 'is no rate; allowed are 100B/s to 10GB/s'],
    ['bandwidth', '100kb/s', 'is no rate'],
    ['bandwidth', '100KiB/s', 'is no rate'],
    ['bandwidth', '1B/s', 'is no rate'],
    ['slow-close', '0s', 'is no time'],
    ['reset', '5s', '"5s": it takes no value, only up, down, both'],
    ['reset', 'up', 'a reset is always in both directions'],
    ['reset', '0%', 'a share is above 0%'],
    ['reset', '101%', 'at most 100%'],
    ['reset-reply', 'up', 'a reply always goes down'],
    ['timeout', '', '"": it takes no value'],
  ] as [ToxicKind, string | undefined, string][])('%s %j is refused: %s', (kind, text, says) => expect(readToxic(kind, text)).toEqual({ ok: false, says: expect.stringContaining(says) as string }))

  test('no text throws', () => {
    fc.assert(fc.property(fc.constantFrom(...TOXICS), fc.oneof(fc.string(), fc.string().map((text) => `200ms±${text}`)), (kind, text) => void readToxic(kind, text)))
  })
})
