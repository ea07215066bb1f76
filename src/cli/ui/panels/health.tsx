import type { RunState } from '../../../run/state.ts'
import { figures, type Line, type Span } from '../cells.ts'
import { bytes, count, ms, percent } from '../format.ts'
import { Pane, type PanelProps } from '../pane.tsx'

/** Can the measurement be believed: the injector's lateness, and what else happens on the machine. */
export function HealthPanel(props: PanelProps) {
  return <Pane {...props} content={{ title: 'injector', body: (width) => healthLines(props.state, width).slice(0, 4) }} />
}

export function InjectorPanel(props: PanelProps) {
  return (
    <Pane
      {...props}
      content={{ title: 'injector', body: (width, height) => inColumns(healthLines(props.state, Math.min(width, 36)), width, height) }}
    />
  )
}

export function healthLines(state: RunState, width: number): Line[] {
  const { injector, machine, subscribers, readLatency, rates } = state.last ?? {}
  const rows: [label: string, value: Span, unit: string][] = [
    ['send lag p99', { text: ms(injector?.sendLagP99Ms), style: 'strong' }, 'ms'],
    ['CPU of a core', { text: percent(injector?.cpuShare, 1).replace(/ %$/, ''), style: 'strong' }, '%'],
    ['machine busy', { text: percent(machine?.cpuBusy, 1).replace(/ %$/, ''), style: 'strong' }, '%'],
    [
      'stolen time',
      { text: percent(machine?.stealShare, 1).replace(/ %$/, ''), style: machine && machine.stealShare > 0.05 ? 'bad' : 'strong' },
      '%',
    ],
    ['loop delay p99', { text: ms(injector?.loopDelayP99Ms), style: 'strong' }, 'ms'],
    ['connections', { text: count(injector?.connections), style: 'strong' }, ''],
    ['memory', { text: bytes(injector?.rssBytes), style: 'strong' }, ''],
    ['load average', { text: machine ? machine.load1.toFixed(2) : '–', style: 'strong' }, ''],
    ['subscribers', { text: count(subscribers?.connected), style: 'strong' }, ''],
    ['pushes', { text: count(subscribers?.messagesPerSecond), style: 'strong' }, '/s'],
    ['reads', { text: count(rates?.reads), style: 'strong' }, '/s'],
    ['read p99', { text: ms(readLatency?.p99), style: 'strong' }, 'ms'],
  ]
  return rows.map(([label, value, unit]) => [...figures(label, Math.max(14, width - 14), [value], 10), { text: ` ${unit}`, style: 'dim' }])
}

/** Reads downwards, as many columns of 36 cells as there is room for. */
function inColumns(lines: readonly Line[], width: number, height: number): Line[] {
  const columns = Math.max(1, Math.floor((width + 3) / 39))
  const rows = Math.max(1, Math.min(height, Math.ceil(lines.length / columns)))
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => lines[column * rows + row] ?? []).flatMap((line, column): Line =>
      column === 0 ? line : [' '.repeat(column === 0 ? 0 : 4), ...line],
    ),
  )
}
