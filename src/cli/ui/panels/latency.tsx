import type { RunState } from '../../../run/state.ts'
import { figures, type Line } from '../cells.ts'
import { ms } from '../format.ts'
import { columnTitles, Pane, type PanelProps } from '../pane.tsx'

const PARTS = ['p50', 'p95', 'p99', 'max'] as const

/** From the intended send time, in ms: the last second, and the worst second so far (percentiles of seconds do not add up to one of the run). */
export function LatencyPanel(props: PanelProps) {
  return (
    <Pane
      {...props}
      content={{
        title: 'latency ms',
        right: columnTitles(props.width >= 40 ? ['last s', 'worst s'] : ['worst s'], props.width >= 38 ? 11 : 9),
        body: (width) => latencyLines(props.state, width),
      }}
    />
  )
}

export function latencyLines(state: RunState, width: number): Line[] {
  const cells = width >= 34 ? 11 : 9
  return PARTS.map((part) => {
    const worst = state.samples.reduce<number | undefined>(
      (most, { latency }) => (latency && latency[part] >= (most ?? 0) ? latency[part] : most),
      undefined,
    )
    return figures(
      part,
      Math.max(4, width - 2 * cells),
      [{ text: ms(state.last?.latency?.[part], cells - 1), style: 'strong' }, { text: ms(worst, cells - 1) }],
      cells,
    )
  })
}
