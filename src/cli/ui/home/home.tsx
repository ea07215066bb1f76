import { Box } from 'ink'
import { clean, fit, justify, paintLine, wrapWords, type Line, type Span } from '../cells.ts'
import { Block, paneLines, type PaneContent } from '../pane.tsx'
import type { Theme } from '../theme.ts'
import { commandLines } from './form.ts'
import { formPane, aboutField, helpLines, pickPane } from './form-view.ts'
import { readingPane } from './reading-view.ts'
import { aboutRun, runsPane } from './runs-view.ts'
import { currentField, draftOf, draftProblems, lackOf, PAGES, problemsOf, type HomeState } from './state.ts'

export const LEAST = { columns: 80, rows: 24 }
const WIDE = { columns: 120, rows: 30 }

/** The home: a pure function of its state, which knows the size of the terminal. Takes all columns and all rows but one. */
export function Home({ state, theme }: { state: HomeState; theme: Theme }) {
  const { columns, rows } = state.size
  const lines = columns < LEAST.columns || rows < LEAST.rows ? tooSmall(state, theme) : homeLines(state, theme)
  return (
    <Box flexDirection="column" width={columns}>
      <Block width={columns} lines={lines.slice(0, Math.max(1, rows - 1))} />
    </Box>
  )
}

function tooSmall(state: HomeState, theme: Theme): string[] {
  const { columns, rows } = state.size
  const command = wrapWords(commandLines(state.form, 1_000).join(' '), columns)
  const lines: Line[] = [[{ text: 'load lab', style: 'title' }], [`needs ${LEAST.columns}×${LEAST.rows}, this is ${columns}×${rows}`], ...command.map((text): Line => [clean(text)]), [{ text: 'q quit · or make the window larger', style: 'dim' }]]
  return lines.map((line) => theme.finish(paintLine(line, columns, theme)))
}

function homeLines(state: HomeState, theme: Theme): string[] {
  const { columns, rows } = state.size
  const finish = (line: Line) => theme.finish(` ${paintLine(line, columns - 2, theme)} `)
  const wide = columns >= WIDE.columns && rows >= WIDE.rows
  const frame = wide ? 'box' : 'rule'
  const body = rows - 1 - 1 - 1
  const pane = (width: number, height: number, content: PaneContent, siblings?: readonly string[]) =>
    paneLines({ width, height, frame, theme, ...(siblings ? { siblings } : { focused: false }) }, content)
  const middle = state.help ? pane(columns, body, { title: 'help', body: () => helpLines() }) : state.reading ? pane(columns, body, readingPane(state, state.reading)) : split(state, { columns, body, wide }, pane)
  return [finish(header(state)), ...middle, finish(footer(state))]
}

function split(state: HomeState, { columns, body, wide }: { columns: number; body: number; wide: boolean }, pane: (width: number, height: number, content: PaneContent, siblings?: readonly string[]) => string[]): string[] {
  const isForm = state.page === 'new run'
  const main = isForm ? (state.picking === undefined ? formPane(state) : pickPane(state, state.picking)) : runsPane(state)
  const about = isForm ? aboutField(state) : aboutRun(state)
  // Without borders at 80 columns, so that what is selected there is the command and nothing else.
  const below = isForm ? commandPane(state, columns, wide) : undefined
  const belowHeight = below === undefined ? 0 : below.lines + (wide ? 2 : 1)
  const rest = body - belowHeight
  const bottom = below === undefined ? [] : pane(columns, belowHeight, below.content)
  const siblings = isForm && state.picking !== undefined ? undefined : PAGES
  if (!wide) {
    const aboutHeight = isForm ? 6 : 7
    return [...pane(columns, rest - aboutHeight, main, siblings), ...pane(columns, aboutHeight, about), ...bottom]
  }
  const left = Math.min(columns - 50, Math.max(76, Math.round(columns * 0.58)))
  const [first, second] = [pane(left, rest, main, siblings), pane(columns - left, rest, about)]
  return [...first.map((line, index) => line + (second[index] ?? '')), ...bottom]
}

/** At least two lines, so that the form stands still while the first knobs are set. */
function commandPane(state: HomeState, columns: number, wide: boolean): { lines: number; content: PaneContent } {
  const lines = commandLines(draftOf(state), columns - (wide ? 4 : 2)).map(clean)
  const most = Math.max(2, Math.min(lines.length, wide ? 8 : 4))
  const shown = lines.length > most ? [...lines.slice(0, most - 1), `  … and ${lines.length - most + 1} more lines: y copies all of it`] : lines
  return { lines: most, content: { title: 'command', right: [{ text: 'y copies', style: 'dim' }], body: () => shown.map((text): Line => [{ text, style: 'second' }]) } }
}

function header(state: HomeState): Line {
  const left: Span[] = [{ text: 'load lab', style: 'title' }]
  if (state.reading) return justify(left, [{ text: clean(state.reading.note ?? ''), style: 'dim' }], state.size.columns - 2)
  const runs = state.runs === undefined ? 'reading results…' : `${state.runs.length} run${state.runs.length === 1 ? '' : 's'} in results`
  const machine = state.lacks === undefined ? 'looking at this machine… · ' : ''
  return justify(left, [{ text: `${machine}${runs}`, style: 'dim' }], state.size.columns - 2)
}

const key = (keys: string, says: string): Span[] => [{ text: keys, style: 'title' }, ` ${says}  `]

function footer(state: HomeState): Line {
  if (state.seeking !== undefined) return [{ text: '/', style: 'title' }, clean(state.seeking), { text: ' ', style: 'mark' }, '   ', ...key('Enter', 'keep'), ...key('Esc', 'clear')]
  if (state.says) return [{ text: fit(clean(state.says.text), state.size.columns - 2), style: state.says.bad ? 'bad' : 'strong' }]
  if (state.help) return [...key('Esc', 'back')]
  if (state.reading) return [...key('↑↓', 'scroll'), ...key('←→', 'sideways'), ...key('/', 'search'), ...key('n', 'next'), ...key('g G', 'ends'), ...key('Esc', 'back')]
  if (state.typing) {
    const wrong = draftProblems(state)[0]
    return wrong === undefined ? [...key('Enter', 'take it'), ...key('Esc', 'leave it'), ...key('Ctrl-U', 'empty')] : [{ text: `✖ ${clean(wrong)}`, style: 'bad' }]
  }
  if (state.picking !== undefined) return [...key('↑↓', 'choose'), ...key('Enter', 'take it'), ...key('Esc', 'back')]
  if (state.page === 'past runs') return [...key('Enter', 'report'), ...key('c', 'compare'), ...key('/', 'filter'), ...key('v', 'verdict'), ...key('Tab', 'new run'), ...key('?', 'help'), ...key('q', 'quit')]
  return [...key('Enter', currentField(state).values ? 'choose' : 'edit'), ...key('x', 'default'), startKey(state), ...key('y', 'copy'), ...key('Tab', 'past runs'), ...key('?', 'help'), ...key('q', 'quit')].flat()
}

function startKey(state: HomeState): Span {
  return problemsOf(state).length > 0 || lackOf(state, state.form) !== undefined ? { text: 's start  ', style: 'dim' } : { text: 's start  ', style: 'good' }
}


/** For callers that are no `.tsx`. */
export function homePicture(state: HomeState, theme: Theme) {
  return <Home state={state} theme={theme} />
}
