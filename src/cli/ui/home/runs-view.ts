import { clean, fit, wrapWords, type Line, type Span } from '../cells.ts'
import type { PaneContent } from '../pane.tsx'
import { SYMBOLS, type Style } from '../theme.ts'
import { windowOf } from './form-view.ts'
import type { PastRun, RunVerdict } from './runs.ts'
import { currentRun, visibleRuns, type HomeState } from './state.ts'

const SIGNS: Record<RunVerdict, readonly [symbol: string, style: Style]> = {
  passed: [SYMBOLS.good, 'good'],
  failed: [SYMBOLS.bad, 'bad'],
  invalid: [SYMBOLS.warn, 'warn'],
  running: [SYMBOLS.going, 'second'],
  aborted: [SYMBOLS.pending, 'dim'],
  broken: [SYMBOLS.bad, 'dim'],
  unreadable: [SYMBOLS.warn, 'dim'],
}

export function runsPane(state: HomeState): PaneContent {
  const runs = visibleRuns(state)
  const narrowed = [state.verdict, state.filter].filter((text) => text !== undefined && text !== '').join(', ')
  const all = state.runs?.length ?? 0
  return {
    title: 'past runs',
    right: [{ text: narrowed === '' ? `${all}, newest first` : `${clean(narrowed)}: ${runs.length} of ${all}`, style: narrowed === '' ? 'dim' : 'warn' }],
    body(width, height) {
      if (state.runs === undefined) return [['reading results…']]
      if (runs.length === 0) return [[{ text: all === 0 ? 'No runs yet: Tab, then s starts one.' : 'No run fits; Esc shows all.', style: 'dim' }]]
      const from = windowOf(runs.length, height, state.runAt)
      return runs.slice(from, from + height).map((run, row) => runLine(run, { isCurrent: from + row === state.runAt, isMarked: run.name === state.marked }, width))
    },
  }
}

function runLine(run: PastRun, { isCurrent, isMarked }: { isCurrent: boolean; isMarked: boolean }, width: number): Line {
  const [symbol, style] = SIGNS[run.verdict]
  const pointer: Span = { text: isCurrent ? `${SYMBOLS.going} ` : '  ', style: 'title' }
  const verdict: Span[] = [{ text: symbol, style }, ' ', { text: fit(run.verdict, 11), style }]
  const mark: Span = { text: isMarked ? ' [against] ' : ' ', style: isMarked ? 'mark' : undefined }
  if (run.verdict === 'unreadable') return [pointer, ...verdict, { text: clean(run.name), style: isCurrent ? 'strong' : undefined }, mark, { text: clean(run.why ?? ''), style: 'dim' }]
  const what: Span = { text: `${fit(clean(run.scenario), 12)}${fit(clean(run.architecture), 6)}${fit(when(run.startedAt), 18)}`, style: isCurrent ? 'strong' : undefined }
  const id: Span = { text: width > 105 ? fit(run.name, 42) : '', style: 'dim' }
  return [pointer, ...verdict, what, id, mark, { text: clean(run.extras), style: 'dim' }]
}

/** Where the reader is. */
function when(iso: string): string {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return ''
  const two = (part: number) => String(part).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`
}

/** What is known of the run that is pointed at. */
export function aboutRun(state: HomeState): PaneContent {
  const run = currentRun(state)
  return {
    title: run === undefined ? 'run' : clean(run.name),
    right: run?.exitCode === undefined ? [] : [{ text: `exit code ${run.exitCode}`, style: 'dim' }],
    body(width, height) {
      if (run === undefined) return []
      const wrap = (text: string, style?: Style) => wrapWords(clean(text), width).map((line): Line => [style === undefined ? line : { text: line, style }])
      return [
        ...(run.why === undefined ? [] : wrap(run.why, 'warn')),
        ...wrap(run.commandLine, 'second'),
        ...wrap(run.folder, 'dim'),
      ].slice(0, height)
    },
  }
}
