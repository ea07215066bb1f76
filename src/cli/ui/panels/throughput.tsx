import type { RunState } from '../../../run/state.ts'
import { figures, type Line, type Span } from '../cells.ts'
import { count } from '../format.ts'
import { columnTitles, Pane, type PanelProps } from '../pane.tsx'

/** Offered, sent, accepted, persisted: in the last second, and so far. */
export function ThroughputPanel(props: PanelProps) {
  const columns = columnCells(props.width)
  return (
    <Pane
      {...props}
      content={{
        title: 'events',
        right: columnTitles(['per s', 'total'].slice(0, columns.count), columns.cells),
        body: (width) => throughputLines(props.state, width),
      }}
    />
  )
}

function columnCells(width: number): { count: number; cells: number; label: number } {
  const cells = width >= 36 ? 11 : width >= 30 ? 9 : 8
  return { count: width >= 26 ? 2 : 1, cells, label: 9 }
}

export function throughputLines(state: RunState, width: number): Line[] {
  const { rates, counts, stored } = state.last ?? {}
  const rows: [label: string, perSecond: number | undefined, total: number | undefined][] = [
    ['offered', rates?.offered, counts?.events.scheduled],
    ['sent', rates?.sent, counts?.events.sent],
    ['accepted', rates?.accepted, counts?.events.ok],
    ['persisted', rates?.persisted, stored],
  ]
  const { cells, label: labelCells } = columnCells(width)
  const two = width >= labelCells + 2 * cells
  const cell = two ? cells : Math.max(6, width - labelCells)
  const label = two ? width - 2 * cells : width - cell
  return rows.map(([name, perSecond, total]) => {
    const values: Span[] = [{ text: count(perSecond, cell - 1), style: 'strong' }, ...(two ? [{ text: count(total, cell - 1) }] : [])]
    return figures(name, label, values, cell)
  })
}
