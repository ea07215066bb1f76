import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeHistogram, encodeHistogram, hlogWriter, mergeInto, newHistogram, percentileMs, percentilesMs, readHlog, recordUs,
} from '../../src/measure/histogram.ts'
import { HIGHEST_US, latencyRecorder } from '../../src/measure/recorder.ts'

const us = fc.oneof(fc.nat(5_000), fc.nat(HIGHEST_US), fc.constantFrom(0, 1, 1_023, 1_024, 2_047, 2_048, 4_095, 4_096, HIGHEST_US))

describe('the recorder', () => {
  test('drains into the same histogram that the library would have made', () => {
    fc.assert(
      fc.property(fc.array(us, { minLength: 1, maxLength: 300 }), (values) => {
        const recorder = latencyRecorder()
        const expected = newHistogram()
        for (const value of values) {
          recorder.record(value)
          recordUs(expected, value)
        }
        const decoded = decodeHistogram(recorder.drain()!)
        expect(decoded.totalCount).toBe(values.length)
        for (const percentile of [0, 1, 25, 50, 75, 90, 99, 99.9, 100]) {
          expect(decoded.getValueAtPercentile(percentile)).toBe(expected.getValueAtPercentile(percentile))
        }
        expect(recorder.drain()).toBeUndefined()
      }),
    )
  })

  test('is empty after a drain, and can be filled again', () => {
    const recorder = latencyRecorder()
    recorder.record(5e6)
    recorder.drain()
    recorder.record(7)
    const again = decodeHistogram(recorder.drain()!)
    expect([again.totalCount, again.maxValue]).toEqual([1, 7])
  })

  test('rounds, and clamps to 0 … 10 minutes', () => {
    const recorder = latencyRecorder()
    for (const value of [-3, 1.6, Infinity]) recorder.record(value)
    const { totalCount } = decodeHistogram(recorder.drain()!)
    expect(totalCount).toBe(3)
  })

  test('large counts survive', () => {
    const recorder = latencyRecorder()
    for (let i = 0; i < 300_000; i++) recorder.record(100)
    recorder.record(200)
    const decoded = decodeHistogram(recorder.drain()!)
    expect([decoded.totalCount, decoded.getValueAtPercentile(99.999), decoded.getValueAtPercentile(100)]).toEqual([300_001, 100, 200])
  })
})

describe('histograms', () => {
  test('a value is kept to 3 digits', () => {
    fc.assert(
      fc.property(us, (value) => {
        const histogram = newHistogram()
        recordUs(histogram, value)
        const read = percentileMs(histogram, 50) * 1000
        expect(Math.abs(read - value)).toBeLessThanOrEqual(Math.max(1e-6, value / 1_000))
      }),
    )
  })

  test('merging is recording everything into one', () => {
    fc.assert(
      fc.property(fc.array(us), fc.array(us), (a, b) => {
        const [merged, other, all] = [newHistogram(), newHistogram(), newHistogram()]
        for (const value of a) recordUs(merged, value)
        for (const value of b) recordUs(other, value)
        for (const value of [...a, ...b]) recordUs(all, value)
        mergeInto(merged, decodeHistogram(encodeHistogram(other)))
        expect(percentilesMs(merged)).toEqual(percentilesMs(all))
      }),
    )
  })

  test('nothing recorded reads 0', () => expect(percentilesMs(newHistogram())).toEqual({ p50: 0, p95: 0, p99: 0, max: 0, count: 0 }))

  test('what is no histogram is an error', () => expect(() => decodeHistogram('aGVsbG8gd29ybGQ=')).toThrow())
})

describe('the interval log', () => {
  function log(): string {
    let text = ''
    const write = hlogWriter((more) => (text += more), 1.79e12)
    for (const [second, tag] of [[0, 'base.latency'], [0, 'base.service'], [1, 'hold.latency']] as const) {
      const histogram = newHistogram()
      for (let i = 1; i <= 100; i++) recordUs(histogram, i * 1_000 * (second + 1))
      write({ tag, fromMs: 1.79e12 + second * 1_000, toMs: 1.79e12 + (second + 1) * 1_000, histogram })
    }
    return text
  }

  test('reads back tags, times and values', () => {
    const intervals = [...readHlog(log())]
    expect(intervals.map(({ tag, fromMs, toMs }) => [tag, fromMs, toMs])).toEqual([
      ['base.latency', 1.79e12, 1.79e12 + 1_000], ['base.service', 1.79e12, 1.79e12 + 1_000], ['hold.latency', 1.79e12 + 1_000, 1.79e12 + 2_000],
    ])
    expect(percentileMs(intervals[2]!.histogram, 50)).toBeCloseTo(100, 0)
  })

  test('a last line that was cut off is left out', () => {
    const text = log()
    expect([...readHlog(text.slice(0, -10))]).toHaveLength(2)
    expect([...readHlog('')]).toHaveLength(0)
  })

  test('a tag that would break a line is refused', () => {
    const write = hlogWriter(() => {}, 0)
    expect(() => write({ tag: 'a,b', fromMs: 0, toMs: 1, histogram: newHistogram() })).toThrow(/comma/)
  })
})
