import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'
import type { Style, Theme } from './theme.ts'

/** A piece of a line. `painted` comes with its own escape sequences and exactly `cells` cells. */
export type Span = string | { text: string; style?: Style } | { painted: string; cells: number }
export type Line = readonly Span[]

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
const PLAIN = /^[\x20-\x7e]*$/

/** Text from outside (logs, notes, names) on one line, without anything that steers a terminal. */
export function clean(text: string): string {
  if (PLAIN.test(text)) return text
  return stripVTControlCharacters(text)
    .replace(/\p{Default_Ignorable_Code_Point}|\p{Surrogate}/gu, '')
    .replace(/[\p{Control}\u2028\u2029]+/gu, ' ')
}

export function cellsOf(text: string): number {
  return PLAIN.test(text) ? text.length : stringWidth(text)
}

/** Exactly `width` cells: padded, or cut with `…`. */
export function fit(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  if (width <= 0) return ''
  const has = cellsOf(text)
  if (has <= width) return align === 'left' ? text + ' '.repeat(width - has) : ' '.repeat(width - has) + text
  let kept = ''
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    const cells = cellsOf(segment)
    if (used + cells > width - 1) break
    kept += segment
    used += cells
  }
  return `${kept}…${' '.repeat(width - used - 1)}`
}

/** Paints a line of exactly `width` cells. */
export function paintLine(line: Line, width: number, theme: Theme): string {
  let left = width
  let out = ''
  for (const span of line) {
    if (left <= 0) break
    if (typeof span === 'object' && 'painted' in span) {
      if (span.cells > left) break
      out += span.painted
      left -= span.cells
      continue
    }
    const { text, style } = typeof span === 'string' ? { text: span, style: undefined } : span
    const cells = cellsOf(text)
    const piece = cells <= left ? text : fit(text, left)
    out += theme.paint(style, piece)
    left -= Math.min(cells, left)
  }
  return out + ' '.repeat(Math.max(0, left))
}

export function lineCells(line: Line): number {
  return line.reduce(
    (sum, span) => sum + (typeof span === 'string' ? cellsOf(span) : 'painted' in span ? span.cells : cellsOf(span.text)),
    0,
  )
}

/** Left and right parts at the two ends; where both do not fit, the right one goes. */
export function justify(left: Line, right: Line, width: number): Line {
  const space = width - lineCells(left) - lineCells(right)
  return space < 1 && right.length > 0 ? left : [...left, ' '.repeat(Math.max(0, space)), ...right]
}

/** Words on lines of at most `width` cells; a word longer than that is cut. */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && cellsOf(line) + 1 + cellsOf(word) > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  lines.push(line)
  return lines
}

/** A label, then right-aligned columns: the same place for the same figure whatever its size. */
export function figures(label: Span, labelCells: number, values: readonly Span[], columnCells: number): Line {
  const place = (span: Span, cells: number, align: 'left' | 'right'): Span =>
    typeof span === 'string' ? fit(span, cells, align) : 'painted' in span ? span : { ...span, text: fit(span.text, cells, align) }
  return [place(label, labelCells, 'left'), ...values.map((value) => place(value, columnCells, 'right'))]
}
