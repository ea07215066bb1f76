import { clean } from '../cells.ts'
import type { PaneContent } from '../pane.tsx'
import { shifted } from './document.ts'
import { lastTop, type HomeState, type Reading } from './state.ts'

/** A report, from the line it is scrolled to. */
export function readingPane({ size }: HomeState, { title, lines, top, left }: Reading): PaneContent {
  const last = lastTop(lines.length, size)
  const share = last === 0 ? 'all' : `${Math.round((Math.min(top, last) / last) * 100)} %`
  return {
    title: clean(title),
    right: [{ text: share, style: 'dim' }],
    body: (_width, height) => lines.slice(top, top + height).map((line) => shifted(line, left)),
  }
}
