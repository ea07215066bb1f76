import type { RunState } from '../../../run/state.ts'
import { figures, type Line, type Span } from '../cells.ts'
import { errorRates } from '../facts.ts'
import { count, percent } from '../format.ts'
import { Pane, type PanelProps } from '../pane.tsx'

/** What is between acceptance and the watcher's eye. */
export function FlowPanel(props: PanelProps) {
  return <Pane {...props} content={{ title: 'flow', body: (width) => flowLines(props.state, width) }} />
}

export function flowLines(state: RunState, width: number): Line[] {
  const { last } = state
  const errors = errorRates(state).now
  const raised = (alert: RegExp) => state.alerts.some((one) => alert.test(one.alert) || alert.test(one.says))
  const subscribers = last?.subscribers
  const rows: [label: string, value: Span, unit: string][] = [
    ['backlog', { text: count(last?.backlog, 9), style: raised(/backlog/i) ? 'bad' : 'strong' }, 'events'],
    ['freshness', { text: count(last?.freshnessMs, 9), style: 'strong' }, 'ms'],
    [
      'failing',
      {
        text: percent(errors).replace(/ %$/, ''),
        style: raised(/error/i) ? 'bad' : errors !== undefined && errors > 0 ? 'warn' : 'strong',
      },
      '%',
    ],
    width >= 32 && subscribers
      ? ['subscribers', { text: count(subscribers.connected), style: 'strong' }, `${count(subscribers.messagesPerSecond)}/s`]
      : ['in flight', { text: count(last?.counts.events.inFlight), style: 'strong' }, ''],
  ]
  const labelCells = width >= 32 ? 13 : 10
  const unitCells = width >= 32 ? 9 : 7
  return rows.map(([label, value, unit]) => [
    ...figures(label, labelCells, [value], Math.max(6, width - labelCells - unitCells)),
    { text: ` ${unit}`, style: 'dim' },
  ])
}
