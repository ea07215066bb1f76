import type { RunState } from '../../../run/state.ts'
import { figures, type Line, type Span } from '../cells.ts'
import { count, percent } from '../format.ts'
import { columnTitles, Pane, type PanelProps } from '../pane.tsx'

/** What became of the events sent so far. */
export function FatesPanel(props: PanelProps) {
  return (
    <Pane
      {...props}
      content={{ title: 'answers', right: columnTitles(['events', 'share'], 10), body: (width) => fateLines(props.state, width) }}
    />
  )
}

export function fateLines(state: RunState, width: number): Line[] {
  const events = state.last?.counts.events
  const ended = events ? events.scheduled - events.inFlight : 0
  const rows: [label: string, value: number | undefined, bad: boolean][] = [
    ['ok', events?.ok, false],
    ['rejected', events?.rejected, true],
    ['unknown', events?.unknown, true],
    ['never sent', events?.neverSent, true],
  ]
  return rows.map(([label, value, bad]) => {
    const style = bad && value !== undefined && value > 0 ? 'warn' : 'strong'
    const values: Span[] = [
      { text: count(value, 9), style },
      { text: percent(value === undefined || ended === 0 ? undefined : value / ended), style: style === 'warn' ? 'warn' : undefined },
    ]
    return figures(label, Math.max(10, width - 20), values, Math.min(10, Math.floor((width - 10) / 2)))
  })
}
