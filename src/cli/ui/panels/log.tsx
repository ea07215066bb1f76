import type { RunState } from '../../../run/state.ts'
import { clean, fit, type Line } from '../cells.ts'
import { stamp } from '../facts.ts'
import { Pane, type PanelProps } from '../pane.tsx'

/** The newest lines of all services, newest at the bottom. */
export function LogPanel(props: PanelProps) {
  return <Pane {...props} content={{ title: 'log', body: (_width, height) => logLines(props.state, height) }} />
}

export function logLines(state: RunState, height: number): Line[] {
  if (state.log.length === 0) return [[{ text: 'quiet so far', style: 'dim' }]]
  return state.log
    .slice(-Math.max(1, height))
    .map(({ atMs, service, line }): Line => [
      { text: `${fit(stamp(state, atMs), 8)} `, style: 'dim' },
      { text: `${fit(clean(service), 9)} `, style: service === 'alert' ? 'bad' : 'second' },
      clean(line),
    ])
}
