import { toAscii } from '../../reports/ascii.ts'
import type { Glyphs } from '../../reports/chart.ts'

/** What a piece of text means. Meaning is never carried by the colour alone: a word or a symbol says it too. */
export type Style = 'title' | 'strong' | 'dim' | 'good' | 'warn' | 'bad' | 'mark' | 'first' | 'second' | 'third' | 'fourth'

/** The terminal's own sixteen colours, so that its light or dark scheme is kept. [on, off] */
const SGR: Record<Style, readonly [on: string, off: string]> = {
  title: ['1;36', '22;39'],
  strong: ['1', '22'],
  dim: ['2', '22'],
  good: ['32', '39'],
  warn: ['1;33', '22;39'],
  bad: ['1;31', '22;39'],
  mark: ['7', '27'],
  first: ['32', '39'],
  second: ['36', '39'],
  third: ['33', '39'],
  fourth: ['35', '39'],
}

export const SERIES_STYLES = ['first', 'second', 'third', 'fourth'] as const satisfies readonly Style[]

/** Good, worth a look, bad; pending and going on. Each with a word beside it wherever it is shown. */
export const SYMBOLS = { good: '●', warn: '▲', bad: '✖', pending: '○', going: '▶' } as const

export interface Theme {
  glyphs: Glyphs
  paint(style: Style | undefined, text: string): string
  /** A finished line in what the terminal can show; keeps the number of cells. */
  finish(line: string): string
}

export function createTheme({ color, glyphs }: { color: boolean; glyphs: Glyphs }): Theme {
  return {
    glyphs,
    paint: (style, text) =>
      !color || style === undefined || text === '' ? text : `\u001b[${SGR[style][0]}m${text}\u001b[${SGR[style][1]}m`,
    finish: glyphs === 'ascii' ? toAscii : glyphs === 'block' ? forConsole : (line) => line,
  }
}

/** The Linux console's fonts have box characters and half blocks, and little else. */
function forConsole(line: string): string {
  return line.replace(/[●✖○▶…┊▁▂▃▅▆▇╭╮╰╯━–×]/g, (cell) => CONSOLE_CELLS[cell] ?? toAscii(cell))
}
const CONSOLE_CELLS: Record<string, string> = {
  '▁': '_',
  '▂': '_',
  '▃': '▄',
  '▅': '▄',
  '▆': '█',
  '▇': '█',
  '╭': '┌',
  '╮': '┐',
  '╰': '└',
  '╯': '┘',
}

/** What the terminal can show, by locale and `TERM`. */
export function terminalGlyphs(env: Record<string, string | undefined>): Glyphs {
  if (env.TERM === 'dumb') return 'ascii'
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || ''
  const utf8 = /utf-?8/i.test(locale) || env.WT_SESSION !== undefined || env.TERM_PROGRAM === 'vscode'
  return !utf8 ? 'ascii' : env.TERM === 'linux' ? 'block' : 'braille'
}
