import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { toAscii } from '../../src/reports/ascii.ts'
import { dotChart, lineChart, resample, type ChartOptions, type Series } from '../../src/reports/chart.ts'
import { linearScale, logScale, roundUp, shortNumber } from '../../src/reports/chart-scale.ts'

const everySecond = (ys: (number | undefined)[], name = 'x'): Series => ({ name, xs: ys.map((_, i) => i), ys })
const isDot = (cell: string) => cell >= '\u2801' && cell <= '\u28ff'

describe('resample', () => {
  test.each<[says: string, ys: (number | undefined)[], columns: number, how: 'max' | 'mean' | 'last', expected: (number | undefined)[]]>([
    [
      '1,000 points in 3 columns keep the largest of each',
      Array.from({ length: 1_000 }, (_, i) => (i === 500 ? 9_999 : i)),
      3,
      'max',
      [249, 9_999, 999],
    ],
    ['the mean', [1, 3, 5, 7], 2, 'mean', [2, 6]],
    ['the last', [1, 3, 5, 7], 2, 'last', [3, 7]],
    ['more columns than points: a sample holds until the next', [1, 2], 4, 'max', [1, 1, 1, 2]],
    ['undefined in the middle stays a gap', [1, undefined, undefined, 4], 4, 'max', [1, undefined, undefined, 4]],
    ['a stretch with one value and one gap has the value', [1, NaN, 3, 4], 2, 'max', [1, 4]],
    ['NaN and the infinities are gaps', [NaN, Infinity, -Infinity], 3, 'max', [undefined, undefined, undefined]],
    ['nothing', [], 2, 'max', [undefined, undefined]],
    ['a single point', [7], 1, 'max', [7]],
  ])('%s', (_says, ys, columns, how, expected) => {
    expect(resample(everySecond(ys), 0, Math.max(0, ys.length - 1), columns, how)).toEqual(expected)
  })

  test('missing samples are a gap as well, not a line across', () => {
    const series = { name: 'x', xs: [0, 1, 2, 8, 9], ys: [1, 1, 1, 2, 2] }
    expect(resample(series, 0, 9, 10, 'max')).toEqual([1, 1, 1, undefined, undefined, undefined, undefined, undefined, 2, 2])
  })
})

describe('scales', () => {
  test.each([
    [0, 0],
    [-5, 0],
    [NaN, 0],
    [1, 1],
    [1.01, 1.2],
    [4_990, 5_000],
    [5_001, 6_000],
    [99_999, 100_000],
    [0.013, 0.015],
  ])('%d rounds up to %d', (value, rounded) => {
    expect(roundUp(value)).toBeCloseTo(rounded, 12)
  })
  test('a linear axis starts at zero and has ticks at even distances', () =>
    expect(linearScale(480, 4_990, 9).ticks).toEqual([0, 1_250, 2_500, 3_750, 5_000]))
  test('below zero too', () => expect(linearScale(-3, 4, 3)).toMatchObject({ min: -3, max: 4 }))
  test('a logarithmic axis has whole powers of ten', () => expect(logScale(0.7, 820, 9).ticks).toEqual([0.1, 1, 10, 100, 1_000]))
  test('zero sits at the bottom of a logarithmic axis', () => expect(logScale(1, 100, 5).position(0)).toBe(0))
  test.each([
    [0, '0'],
    [999, '999'],
    [1_250, '1.25k'],
    [12_345, '12.3k'],
    [4_500_000, '4.5M'],
    [0.5, '0.5'],
    [1e30, '1e+30'],
  ])('%d is written %s', (value, text) => {
    expect(shortNumber(value)).toBe(text)
  })
})

describe('dotChart', () => {
  const base = { width: 60, height: 8, from: 0, to: 59 }
  const plotted = (lines: string[]) => lines.slice(0, -1).map((line) => [...line].slice(7))

  test('a constant is one even line', () => {
    const rows = plotted(dotChart({ ...base, series: [everySecond(Array<number>(60).fill(5))] }))
    expect(rows.filter((row) => row.some(isDot))).toHaveLength(1)
    expect(rows[0]!.every(isDot)).toBe(true)
  })
  test('a gap stays a gap', () => {
    const rows = plotted(
      dotChart({ ...base, series: [everySecond(Array.from({ length: 60 }, (_, i) => (i > 20 && i < 40 ? undefined : 5)))] }),
    )
    expect(rows[0]!.map((cell) => (isDot(cell) ? 'x' : '.')).join('')).toMatch(/^x+\.{15,}x+$/)
  })
  test('one high second among thousands is still seen', () => {
    const ys = Array.from({ length: 7_200 }, (_, i) => (i === 3_333 ? 1_000 : 10))
    expect(plotted(dotChart({ ...base, to: 7_199, series: [everySecond(ys)] }))[0]!.filter(isDot)).toHaveLength(1)
  })
  test('ASCII is ASCII', () => {
    const lines = dotChart({
      ...base,
      glyphs: 'ascii',
      series: [everySecond([1, 5, 2], 'kühl')],
      bands: [[{ from: 0, to: 20, label: 'kill', kind: 'span' }]],
    })
    expect(lines.join('')).toMatch(/^\p{ASCII}*$/u)
  })
  test('phases and faults stand under the axis where they began', () => {
    const lines = dotChart({
      ...base,
      width: 67,
      series: [],
      bands: [
        [
          { from: 0, label: 'base', rule: true },
          { from: 30, label: 'hold', rule: true },
        ],
        [{ from: 10, to: 20, label: 'kill api', kind: 'span' }],
      ],
    })
    expect(lines.at(-2)).toBe('       │base                         │hold                         ')
    expect(lines.at(-1)).toBe('                 ▲━━━━━━━━━● kill api                              ')
    expect([...lines[0]!][37]).toBe('┊')
  })
  test('names stand beside the last values, each on a row of its own', () => {
    const lines = dotChart({ ...base, series: [everySecond([5, 5], 'a'), everySecond([5, 5], 'b'), everySecond([0, 0], 'c')], to: 1 })
    expect(
      lines
        .map((line) => line.at(-1))
        .join('')
        .trim(),
    ).toMatch(/^ba +c$/)
  })
  test('times on the axis', () => {
    expect(dotChart({ ...base, width: 67, series: [], xLabel: (x) => `${x}s` }).at(-1)).toBe(
      '      └0s─────────────┴15s───────────┴30s───────────┴45s───────────',
    )
  })
  test('colours wrap pieces and never change the cells', () => {
    const options = { ...base, series: [everySecond([1, 9, 3], 'a'), everySecond([2, 2, 2], 'b')], to: 2 }
    const painted = dotChart({
      ...options,
      paint: (text, of) => `\u001b[3${of === 'axis' ? 0 : of === 'band' ? 7 : of + 1}m${text}\u001b[39m`,
    })
    // eslint-disable-next-line no-control-regex
    expect(painted.map((line) => line.replace(/\u001b\[\d+m/g, ''))).toEqual(dotChart(options))
  })
})

describe('lineChart', () => {
  test('1,000 points take the width asked for', () => {
    const lines = lineChart({ width: 50, height: 7, from: 0, to: 999, series: everySecond(Array.from({ length: 1_000 }, (_, i) => i)) })
    expect(lines.map((line) => line.length)).toEqual(Array(7).fill(50))
  })
  test('a gap stays a gap', () => {
    expect(
      lineChart({ width: 17, height: 3, from: 0, to: 9, series: everySecond([1, 1, 1, undefined, NaN, undefined, 1, 1, 1, 1]) })[0],
    ).toBe('     1┤───   ────')
  })
})

const anyNumber = fc.oneof(
  fc.double(),
  fc.double({ min: 0, max: 1e6, noNaN: true }),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE),
  fc.integer(),
)
const anySeries: fc.Arbitrary<Series> = fc.record({
  name: fc.string({ unit: 'grapheme', maxLength: 12 }),
  xs: fc.array(anyNumber, { maxLength: 60 }),
  ys: fc.array(fc.option(anyNumber, { nil: undefined }), { maxLength: 60 }),
})
const anyBand = fc.record({
  from: anyNumber,
  to: fc.option(anyNumber, { nil: undefined }),
  label: fc.string({ unit: 'grapheme' }),
  kind: fc.constantFrom('name' as const, 'span' as const),
  rule: fc.boolean(),
})
const anyOptions: fc.Arbitrary<ChartOptions> = fc.record({
  width: fc.integer({ min: 0, max: 130 }),
  height: fc.integer({ min: 0, max: 30 }),
  series: fc.array(anySeries, { maxLength: 5 }),
  from: anyNumber,
  to: anyNumber,
  scale: fc.constantFrom('linear' as const, 'log' as const),
  bands: fc.array(fc.array(anyBand, { maxLength: 6 }), { maxLength: 3 }),
  glyphs: fc.constantFrom('braille' as const, 'block' as const, 'ascii' as const),
})

test('whatever comes in: exactly `height` lines of exactly `width` cells', () => {
  fc.assert(
    fc.property(anyOptions, (options) => {
      for (const lines of [dotChart(options), lineChart({ ...options, series: options.series[0] ?? { name: '', xs: [], ys: [] } })]) {
        expect(lines).toHaveLength(options.height)
        for (const line of lines) expect([line, stringWidth(line)]).toEqual([line, options.width])
      }
    }),
    { numRuns: 400 },
  )
})

test('to ASCII keeps the width of any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab●▲…─┤█⣿漢字é한🙂') }), (text) => {
      expect(toAscii(text)).toHaveLength(stringWidth(text))
    }),
  )
})
