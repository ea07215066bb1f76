import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hlogWriter, mergeInto, newHistogram, readHlog, recordUs, type Histogram } from '../../src/measure/histogram.ts'
import { sumHlog } from '../../src/measure/hlog-sums.ts'
import { HIGHEST_US } from '../../src/measure/recorder.ts'

const us = fc.oneof(fc.nat(5_000), fc.nat(HIGHEST_US), fc.constantFrom(0, 1, 1_023, 1_024, 2_047, 2_048, 4_095, 4_096, HIGHEST_US))
const interval = fc.record({ tag: fc.constantFrom('hold.latency', 'hold.service'), values: fc.array(fc.tuple(us, fc.integer({ min: 1, max: 300_000 })), { maxLength: 40 }) })

function logOf(intervals: { tag: string; values: [number, number][] }[]): string {
  let text = ''
  const write = hlogWriter((line) => (text += line), 1_795_000_000_000)
  for (const [i, { tag, values }] of intervals.entries()) {
    const histogram = newHistogram()
    for (const [value, count] of values) recordUs(histogram, value, count)
    write({ tag, fromMs: 1_795_000_000_000 + i * 1_000, toMs: 1_795_000_001_000 + i * 1_000, histogram })
  }
  return text
}

const PERCENTILES = [0, 1, 25, 50, 75, 90, 99, 99.9, 100]
const figures = (histogram: Histogram) => [histogram.totalCount, ...PERCENTILES.map((percentile) => histogram.getValueAtPercentile(percentile))]

test('the sums that the library makes, line by line', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(interval, { minLength: 1, maxLength: 6 }), async (intervals) => {
      const text = logOf(intervals)
      const expected = new Map<string, Histogram>()
      for (const { tag, histogram } of readHlog(text)) {
        const sum = expected.get(tag) ?? newHistogram()
        mergeInto(sum, histogram)
        expected.set(tag, sum)
      }
      const found = await sumHlog(text.split('\n'))
      expect([...found.keys()]).toEqual([...expected.keys()])
      for (const [tag, histogram] of found) expect(figures(histogram)).toEqual(figures(expected.get(tag)!))
    }),
    { numRuns: 40 },
  )
})

test('a last line that was cut off is left out; a damaged one before it is named', async () => {
  const lines = logOf([{ tag: 'a.latency', values: [[10, 1]] }, { tag: 'a.latency', values: [[20, 1]] }]).trim().split('\n')
  const last = lines.at(-1)!
  const whole = lines.slice(0, -1)
  const total = async (text: string[]) => (await sumHlog(text)).get('a.latency')?.totalCount
  expect(await total(lines)).toBe(2)
  expect(await total([...whole, last.slice(0, -20)])).toBe(1)
  expect(await total([...whole, 'Tag=a.late'])).toBe(1)
  expect(await total([])).toBeUndefined()
  const broken = (line: string) => sumHlog([...whole, line, last])
  await expect(broken(last.slice(0, -20))).rejects.toThrow(/^line \d+: /)
  await expect(broken(last.replace(/[^,]*$/, 'AAAA'))).rejects.toThrow(/^line \d+: no compressed histogram/)
  await expect(broken(last.replace(/[^,]*$/, ''))).rejects.toThrow(/^line \d+: no compressed histogram/)
})
