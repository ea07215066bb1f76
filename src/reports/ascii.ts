import stringWidth from 'string-width'

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/**
 * For terminals that cannot show more: every cell outside ASCII becomes one ASCII cell, so no width changes.
 * Escape sequences are ASCII and pass.
 */
const CELLS: Record<string, string> = {
  '●': '*',
  '▲': '!',
  '✖': 'x',
  '○': 'o',
  '▶': '>',
  '▸': '>',
  '–': '-',
  '—': '-',
  '·': '|',
  '…': '~',
  '×': 'x',
  '→': '>',
  '←': '<',
  '≤': '<',
  '≥': '>',
  '─': '-',
  '━': '=',
  '│': '|',
  '┃': '|',
  '┊': ':',
  '┤': '|',
  '├': '|',
  '┼': '+',
  '┴': '+',
  '┬': '+',
  '┌': '+',
  '┐': '+',
  '└': '+',
  '┘': '+',
  '╭': '+',
  '╮': '+',
  '╰': '+',
  '╯': '+',
  '╶': '-',
  '╴': '-',
  '█': '#',
  '▓': '#',
  '▒': ':',
  '░': '.',
  '▀': '"',
  '▄': '_',
  '▌': '|',
  '▐': '|',
  '▁': '_',
  '▂': '_',
  '▃': '.',
  '▅': '-',
  '▆': '=',
  '▇': '=',
  µ: 'u',
  '\u00a0': ' ',
  '’': "'",
  '“': '"',
  '”': '"',
}

export function toAscii(text: string): string {
  return text.replace(/\P{ASCII}+/gu, (foreign) =>
    [...graphemes.segment(foreign)].map(({ segment }) => CELLS[segment] ?? '?'.repeat(stringWidth(segment))).join(''),
  )
}

/** One cell a character, whatever comes in: controls, wide and combining characters become `?`. */
export function singleCells(text: string): string {
  return text.replace(
    /[^\x20-\x7e\u00a1-\u00ac\u00ae-\u024f\u0370-\u03ff\u0400-\u045f\u2010-\u2027\u2190-\u21ff\u2200-\u22ff\u2500-\u25ef●▲✖▶]/gu,
    '?',
  )
}
