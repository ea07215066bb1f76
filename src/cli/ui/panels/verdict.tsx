import type { RunState } from '../../../run/state.ts'
import { clean, wrapWords, type Line } from '../cells.ts'
import { progress } from '../facts.ts'
import { count } from '../format.ts'
import { accountingLines, OUTCOMES } from '../outcome.ts'
import { Pane, type PanelProps } from '../pane.tsx'
import { SYMBOLS, type Style } from '../theme.ts'

/** What became of every event, and what the run is worth. */
export function VerdictPanel(props: PanelProps) {
  return <Pane {...props} content={{ title: 'verdict', body: (width) => verdictLines(props.state, width) }} />
}

export function verdictLines(state: RunState, width: number): Line[] {
  const { verdict } = state
  const head: Line[] = []
  if (verdict) {
    const [symbol, word, style] = OUTCOMES[verdict.outcome]
    head.push([
      { text: `${symbol} ${word}`, style },
      { text: ` · exit code ${verdict.exitCode}`, style: 'dim' },
    ])
    for (const reason of [...verdict.reasons, ...(verdict.remarks ?? [])]) head.push(...wrapWords(clean(reason), width - 2).map((line): Line => ['  ', line]))
  } else head.push([{ text: `${SYMBOLS.going} ${progress(state).says}`, style: 'strong' }])
  return [...head, ...settleLines(state), ...accountingLines(state, width), ...findings(state)]
}

function settleLines({ settle }: RunState): Line[] {
  if (!settle) return []
  const took = `${(settle.tookMs / 1_000).toFixed(1)} s`
  return [
    settle.drained
      ? [{ text: `${SYMBOLS.good} drained in ${took}`, style: 'good' }]
      : [{ text: `${SYMBOLS.bad} not drained after ${took}: ${count(settle.backlog)} left`, style: 'bad' }],
  ]
}

function findings({ verdict }: RunState): Line[] {
  if (!verdict) return []
  const shown = (ok: boolean | string): [string, Style | undefined] =>
    ok === true ? [SYMBOLS.good, 'good'] : ok === false ? [SYMBOLS.bad, 'bad'] : [SYMBOLS.pending, 'dim']
  const expectations = verdict.expectations.map(({ says, met }): Line => [
    { text: `${shown(met)[0]} `, style: shown(met)[1] },
    `${met === false ? 'not met: ' : met === true ? 'met: ' : 'not measured: '}${clean(says)}`,
  ])
  const validity = verdict.validity
    .filter(({ ok }) => ok !== true)
    .map(({ check, ok, says }): Line => [
      { text: `${shown(ok)[0]} `, style: shown(ok)[1] },
      `${ok === false ? 'invalid' : 'not judged'}: ${clean(check)}, ${clean(says)}`,
    ])
  return [...validity, ...expectations]
}
