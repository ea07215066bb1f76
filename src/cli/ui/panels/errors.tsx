import type { RunState } from '../../../run/state.ts'
import { clean, figures, wrapWords, type Line } from '../cells.ts'
import { errorRates, sampleBefore } from '../facts.ts'
import { count, percent } from '../format.ts'
import { columnTitles, Pane, type PanelProps } from '../pane.tsx'

/** Failed requests by kind, most frequent first. */
export function ErrorsPanel(props: PanelProps) {
  return (
    <Pane
      {...props}
      content={{
        title: 'errors',
        right: columnTitles(['per s', 'total'], 9),
        body: (width, height) => errorLines(props.state, width, height),
      }}
    />
  )
}

export function errorLines(state: RunState, width: number, height: number): Line[] {
  const { overall, now } = errorRates(state)
  const events = state.last?.counts.events
  const kinds = Object.entries(state.last?.errors ?? {})
    .filter(([, total]) => total > 0)
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  const before = sampleBefore(state)?.errors
  const label = Math.max(8, width - 18)
  const shown = kinds.length > height ? kinds.slice(0, Math.max(0, height - 1)) : kinds
  const fates = events
    ? `, rejected ${count(events.rejected)}, unknown ${count(events.unknown)}, never sent ${count(events.neverSent)}`
    : ''
  const sum = wrapWords(`${percent(overall)} of all events failed, ${percent(now)} now${fates}`, width).map((line): Line => [
    { text: line, style: 'dim' },
  ])
  const lines: Line[] = shown.map(([kind, total]) =>
    figures(clean(kind), label, [{ text: count(total - (before?.[kind] ?? 0), 8), style: 'warn' }, { text: count(total, 8) }], 9),
  )
  if (kinds.length > shown.length) lines.push([{ text: `and ${kinds.length - shown.length} more kinds`, style: 'dim' }])
  if (kinds.length === 0) lines.push([{ text: state.last ? 'none so far' : 'nothing sent yet', style: 'dim' }])
  return [...lines, ...sum]
}
