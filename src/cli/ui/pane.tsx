import { Box, Text, Transform } from 'ink'
import type { RunState } from '../../run/state.ts'
import { fit, lineCells, paintLine, type Line, type Span } from './cells.ts'
import type { Theme } from './theme.ts'

/** What every panel is given. Cells, frame included. */
export interface PanelProps {
  state: RunState
  width: number
  height: number
  frame: 'rule' | 'box'
  focused?: boolean
  /** Names of the panels that share this place, its own among them: shown in the title line. */
  siblings?: readonly string[]
  theme: Theme
}

export interface PaneContent {
  title: string
  /** At the right end of the title line. */
  right?: Line
  /** Without the usual cell of margin at both sides. */
  flush?: boolean
  /** At most `height` lines are shown, each cut or padded to `width`. */
  body(width: number, height: number): readonly Line[]
}

/** One panel as one piece of text: Ink's cost is by element and by cell. */
export function Pane({ content, ...props }: PanelProps & { content: PaneContent }) {
  return <Block width={props.width} lines={paneLines(props, content)} />
}

/**
 * Finished lines of exactly `width` cells. Ink is given empty lines to lay out and the real ones only when it writes:
 * measuring, wrapping and parsing them beforehand was half of a frame's time (71 ms at 200×50, then 40 ms).
 */
export function Block({ width, lines }: { width: number; lines: readonly string[] }) {
  if (lines.length === 0 || width <= 0) return null
  return (
    <Box width={width} height={lines.length} flexShrink={0}>
      <Transform transform={(_, index) => lines[index] ?? ''}>
        <Text>{'\n'.repeat(lines.length - 1) || ' '}</Text>
      </Transform>
    </Box>
  )
}

export function paneLines(props: Omit<PanelProps, 'state'>, content: PaneContent): string[] {
  const { width, height, frame, theme } = props
  if (width <= 0 || height <= 0) return []
  const edge = frame === 'box' ? (content.flush ? 1 : 2) : content.flush ? 0 : 1
  const innerWidth = Math.max(0, width - 2 * edge)
  const innerHeight = Math.max(0, height - (frame === 'box' ? 2 : 1))
  const body = guarded(() => content.body(innerWidth, innerHeight))
  const side = frame === 'box' ? theme.paint('dim', '│') : ''
  const margin = ' '.repeat(content.flush ? 0 : 1)
  const lines = [titleLine(content, props)]
  for (let row = 0; row < innerHeight; row++) lines.push(side + margin + paintLine(body[row] ?? [], innerWidth, theme) + margin + side)
  if (frame === 'box' && height > 1) lines.push(theme.paint('dim', `╰${'─'.repeat(Math.max(0, width - 2))}╯`))
  return lines.map((line) => theme.finish(line))
}

/** What stands at the right end ends above the last cell of the body, so that it can name a column. */
function titleLine(
  { title, right = [] }: PaneContent,
  { width, frame, focused = false, siblings, theme }: Omit<PanelProps, 'state'>,
): string {
  const name = (text: string, chosen: boolean): Span =>
    chosen ? { text: `[${text}]`, style: 'title' } : { text: ` ${text} `, style: siblings ? 'dim' : 'strong' }
  const names: Line = siblings ? siblings.map((sibling) => name(sibling, sibling === title)) : [name(title, focused)]
  const [open, close] = frame === 'box' ? ['╭─', right.length > 0 ? ' ╮' : '─╮'] : ['──', right.length > 0 ? ' ' : '─']
  const inner = Math.max(0, width - open.length - close.length)
  const free = inner - lineCells(names) - (right.length > 0 ? lineCells(right) + 1 : 0)
  const rule = (cells: number): Span => ({ text: '─'.repeat(Math.max(0, cells)), style: 'dim' })
  const line: Line =
    free < 0 ? [...names, rule(inner - lineCells(names))] : [...names, rule(free), ...(right.length > 0 ? [' ', ...right] : [])]
  return paintLine(
    [
      { text: open, style: 'dim' },
      { painted: paintLine(line, inner, theme), cells: inner },
      { text: close, style: 'dim' },
    ],
    width,
    theme,
  )
}

/** A panel that cannot draw says so; the run and the other panels go on. */
function guarded(body: () => readonly Line[]): readonly Line[] {
  try {
    return body()
  } catch (error) {
    return [[{ text: `✖ cannot draw this: ${fit(String(error), 200).trim()}`, style: 'bad' }]]
  }
}

/** Titles of columns that {@link import('./cells.ts').figures} aligned, to stand in the title line above them. */
export function columnTitles(titles: readonly string[], cells: number): Line {
  return [
    {
      text: titles
        .map((title) => fit(title, cells, 'right'))
        .join('')
        .trimStart(),
      style: 'dim',
    },
  ]
}
