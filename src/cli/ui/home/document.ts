import { cellsOf, clean, fit, lineCells, wrapWords, type Line, type Span } from '../cells.ts'
import type { Style } from '../theme.ts'

/** A report's Markdown as lines for a terminal: what the lab's own reports use, and plain text for anything else. */
export function documentLines(markdown: string, width: number): Line[] {
  const lines: Line[] = []
  const source = markdown.replaceAll('\r', '').split('\n')
  for (let at = 0; at < source.length; at++) {
    const text = source[at]!
    if (text.startsWith('```')) {
      const end = source.findIndex((line, index) => index > at && line.startsWith('```'))
      const block = source.slice(at + 1, end < 0 ? source.length : end)
      lines.push(...(text.startsWith('```mermaid') ? flow(block, width) : block.map((line): Line => [`  ${clean(line)}`])))
      at = end < 0 ? source.length : end
    } else if (/^\|.*\|\s*$/.test(text)) {
      let end = at
      while (end < source.length && source[end]!.startsWith('|')) end++
      lines.push(...table(source.slice(at, end)))
      at = end - 1
    } else lines.push(...paragraph(clean(text), width))
  }
  return lines.map((line, index) => (line.length === 0 && lines[index - 1]?.length === 0 ? undefined : line)).filter((line) => line !== undefined)
}

function paragraph(text: string, width: number): Line[] {
  const heading = /^(#+) (.*)$/.exec(text)
  if (heading) return heading[1] === '#' ? [[{ text: heading[2]!, style: 'title' }]] : [[], [{ text: `${'─'.repeat(heading[1]!.length)} `, style: 'dim' }, { text: unmarked(heading[2]!), style: heading[1] === '##' ? 'title' : 'strong' }]]
  if (text.trim() === '') return [[]]
  const item = /^(\s*)[-*] (.*)$/.exec(text)
  const [first, rest, words] = item ? [`${item[1]}· `, `${item[1]}  `, item[2]!] : ['', '', text]
  return wrapMarked(words, Math.max(8, width - first.length)).map((line, index): Line => [index === 0 ? first : rest, ...line])
}

/** Emphasis may go on over the end of a line. */
function wrapMarked(text: string, width: number): Line[] {
  let bold = false
  let code = false
  return wrapWords(text, width).map((line) => {
    const spans: Span[] = []
    for (const piece of line.split(/(\*\*|`)/)) {
      if (piece === '**' && !code) bold = !bold
      else if (piece === '`') code = !code
      else if (piece !== '') spans.push(bold || code ? { text: piece, style: bold ? emphasis(piece) : 'second' } : piece)
    }
    return spans
  })
}

function emphasis(text: string): Style {
  return /^(INVALID|inconclusive)/.test(text) ? 'warn' : /^(FAILED|not met|regressed)/.test(text) ? 'bad' : /^(PASSED|improved|equivalent)/.test(text) ? 'good' : 'strong'
}

function unmarked(text: string): string {
  return text.replace(/\*\*|`/g, '').replace(/<br\/?>/g, ' ').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
}

/** In columns, numbers to the right; never broken: what is too wide is scrolled to. */
function table(rows: readonly string[]): Line[] {
  const cells = rows.map((row) => row.trim().slice(1, -1).split(/(?<!\\)\|/).map((cell) => unmarked(clean(cell)).replaceAll('\\|', '|').trim()))
  const isRule = (row: readonly string[]) => row.every((cell) => /^:?-+:?$/.test(cell))
  const ruleAt = cells.findIndex(isRule)
  const right = (cells[ruleAt] ?? []).map((cell) => cell.endsWith(':') && !cell.startsWith(':'))
  const shown = cells.filter((row) => !isRule(row))
  const widths = shown.reduce<number[]>((most, row) => row.map((cell, column) => Math.max(most[column] ?? 0, cellsOf(cell))).concat(most.slice(row.length)), [])
  const line = (row: readonly string[]) => widths.map((width, column) => fit(row[column] ?? '', width, right[column] ? 'right' : 'left')).join('  ')
  return shown.flatMap((row, index): Line[] => {
    const text = `  ${line(row).trimEnd()}`
    if (index > 0 || ruleAt !== 1) return [[text]]
    return row.every((cell) => cell === '') ? [] : [[{ text, style: 'dim' }], [{ text: `  ${'─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2))}`, style: 'dim' }]]
  })
}

/** The picture of the architecture, arrow by arrow. */
function flow(block: readonly string[], width: number): Line[] {
  const said = (text: string) => unmarked(clean(text)).replace(/&quot;|#quot;/g, '"')
  const names = new Map<string, string>()
  const lines: Line[] = []
  for (const text of block) {
    const node = /^\s*(\w+)[[({]+"(.*)"[\])}]+$/.exec(text)
    if (node) names.set(node[1]!, node[2]!)
    const edge = /^\s*(\w+) [-.=]+>(?:\|"(.*)"\|)? (\w+)/.exec(text)
    if (edge === null) continue
    const [from, to] = [edge[1]!, edge[3]!].map((id) => (names.get(id) ?? id).split(/<br\/?>/).map(said))
    lines.push([`  ${from![0]} `, { text: '─▶', style: 'dim' }, ` ${to![0]}`, ...(to!.length > 1 ? [{ text: ` (${to!.slice(1).join(', ')})`, style: 'dim' } as const] : [])])
    for (const label of edge[2]?.split(/<br\/?>/) ?? []) lines.push(...wrapWords(said(label), Math.max(8, width - 6)).map((line): Line => [{ text: `      ${line}`, style: 'second' }]))
  }
  return lines.length > 0 ? lines : block.map((line): Line => [`  ${clean(line)}`])
}

/** Without its first `cells` cells. */
export function shifted(line: Line, cells: number): Line {
  if (cells <= 0) return line
  let left = cells
  return line.flatMap((span): Span[] => {
    if (typeof span === 'object' && 'painted' in span) return []
    const text = typeof span === 'string' ? span : span.text
    const has = cellsOf(text)
    if (left >= has) {
      left -= has
      return []
    }
    const rest = [...text].slice(left).join('')
    left = 0
    return [typeof span === 'string' ? rest : { ...span, text: rest }]
  })
}

export function widest(lines: readonly Line[]): number {
  return lines.reduce((most, line) => Math.max(most, lineCells(line)), 0)
}

export function textOf(line: Line): string {
  return line.map((span) => (typeof span === 'string' ? span : 'text' in span ? span.text : '')).join('')
}
