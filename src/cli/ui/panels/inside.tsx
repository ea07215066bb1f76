import { metricLabel, metricText } from '../../../reports/inside-table.ts'
import type { RunState } from '../../../run/state.ts'
import { figures, fit, type Line } from '../cells.ts'
import { columnTitles, Pane, type PanelProps } from '../pane.tsx'

/** What the system's processes tell of themselves: cache, pools, statements, aggregation, replica. */
export function InsidePanel(props: PanelProps) {
  return (
    <Pane
      {...props}
      content={{
        title: 'inside',
        right: columnTitles(['now', 'most'], 11),
        body: (width, height) => insideLines(props.state, width, height),
      }}
    />
  )
}

export function insideLines(state: RunState, width: number, height: number): Line[] {
  const most = new Map<string, number>()
  for (const { metrics = {} } of state.samples) {
    for (const [name, value] of Object.entries(metrics)) most.set(name, Math.max(value, most.get(name) ?? 0))
  }
  const shown = [...most].filter(([, value]) => value > 0).map(([name, value]) => ({ name, label: metricLabel(name), value }))
  if (shown.length === 0) return [[{ text: state.last ? 'nothing told yet' : 'not asked yet', style: 'dim' }]]
  shown.sort((a, b) => a.label.localeCompare(b.label))
  const room = shown.length > height ? height - 1 : height
  const lines = shown.slice(0, room).map(({ name, label, value }): Line => {
    const now = state.last?.metrics?.[name]
    const cells = Math.max(8, width - 22)
    return figures(fit(label, cells - 1), cells, [{ text: now === undefined ? '–' : metricText(name, now), style: 'strong' }, { text: metricText(name, value) }], 11)
  })
  return shown.length > room ? [...lines, [{ text: `and ${shown.length - room} more, in the report`, style: 'dim' }]] : lines
}
