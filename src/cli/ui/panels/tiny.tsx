import type { RunState } from '../../../run/state.ts'
import { clean, paintLine, type Line } from '../cells.ts'
import { errorRates, progress } from '../facts.ts'
import { count, ms, percent } from '../format.ts'
import type { View } from '../keys.ts'
import { Block } from '../pane.tsx'
import { searchLine } from './search.tsx'
import { SYMBOLS, type Theme } from '../theme.ts'
import { OUTCOMES } from '../outcome.ts'

/** A terminal too small for panels: what matters most, one line each. */
export function TinyPanel({
  state,
  view,
  width,
  height,
  theme,
}: {
  state: RunState
  view: View
  width: number
  height: number
  theme: Theme
}) {
  return (
    <Block
      width={width}
      lines={tinyLines(state, view, width)
        .slice(0, height)
        .map((line) => theme.finish(paintLine(line, width, theme)))}
    />
  )
}

function tinyLines(state: RunState, view: View, width: number): Line[] {
  const { run, verdict } = state
  const { says, share } = progress(state)
  const live = state.search?.current?.run ?? state
  const { last } = live
  const alerts = live.alerts.map(({ says: alert }) => `${SYMBOLS.warn} ALERT ${clean(alert)}`)
  return [
    [
      { text: run ? `${clean(run.scenario.id)} on ${clean(run.architecture)}` : 'load lab', style: 'title' },
      view.frozen ? ' FROZEN' : '',
      view.stops > 0 ? ' stopping…' : '',
    ],
    ...(state.search ? [searchLine(state, width)] : []),
    [`${state.stage} · ${says}${share === undefined ? '' : ` · ${Math.round(share * 100)} %`}`],
    ...(verdict
      ? [
          [
            { text: `${OUTCOMES[verdict.outcome][0]} ${OUTCOMES[verdict.outcome][1]}`, style: OUTCOMES[verdict.outcome][2] },
            ` ${clean(verdict.reasons[0] ?? '')}`,
          ],
        ]
      : []),
    ...alerts.map((text): Line => [{ text, style: 'bad' }]),
    [`accepted ${count(last?.rates.accepted)}/s of ${count(last?.rates.offered)}/s`],
    [`p50 ${ms(last?.latency?.p50)} p99 ${ms(last?.latency?.p99)} ms`],
    [`backlog ${count(last?.backlog)} failed ${percent(errorRates(live).overall)}`],
    [{ text: 'q stop · the whole picture needs 80×24', style: 'dim' }],
  ]
}
