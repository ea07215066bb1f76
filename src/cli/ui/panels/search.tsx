import { rate } from '../../../reports/searched.ts'
import type { ProbeOutcome, ProbeResult } from '../../../run/search.ts'
import type { RunState } from '../../../run/state.ts'
import { fit, type Line, type Span } from '../cells.ts'
import { bracketText, minutes } from '../../search-words.ts'
import { secondsToCome } from '../facts.ts'
import { ms, NOTHING, percent } from '../format.ts'
import { Pane, type PanelProps } from '../pane.tsx'
import { SYMBOLS, type Style } from '../theme.ts'

/** Rates that were tried, highest first, with what became of each probe. */
export function SearchPanel(props: PanelProps) {
  return <Pane {...props} content={{ title: 'search', right: [{ text: bracketText(props.state.search), style: 'dim' }], body: (width, height) => searchLines(props.state, width, height) }} />
}

const SHOWN: Record<ProbeOutcome, [symbol: string, style: Style]> = {
  passed: [SYMBOLS.good, 'good'],
  failed: [SYMBOLS.bad, 'bad'],
  late: [SYMBOLS.warn, 'warn'],
  disturbed: [SYMBOLS.warn, 'warn'],
  data: [SYMBOLS.bad, 'bad'],
}

const PURPOSES = { first: 'first', double: 'doubled', halve: 'halved', bisect: 'bisected', confirm: 'confirming', repeat: 'once more' } as const

/** `probe 5 · 4,000/s bisected · holds 2,828 · not 5,657 · about 6 min left` */
export function searchLine(state: RunState, width: number): Line {
  const { current, searched } = state.search ?? {}
  const left = secondsToCome(state)
  const pieces: Span[] = [
    ...(searched === undefined && current ? [{ text: `probe ${current.probe} · ${rate(current.rate)} ${PURPOSES[current.purpose]}`, style: 'strong' as const }, ' · '] : []),
    { text: bracketText(state.search), style: 'title' },
    ...(left === undefined || width < 60 ? [] : [{ text: ` · ${minutes(left)} left`, style: 'dim' as const }]),
  ]
  return pieces
}

/** As many rates as there is room for, around the bracket. */
export function searchLines({ search }: RunState, width: number, height: number): Line[] {
  if (search === undefined) return []
  const running = search.current && search.probes.length < search.current.probe ? search.current.rate : undefined
  const rates = [...new Set([...search.probes.map((probe) => probe.rate), ...(running === undefined ? [] : [running])])].sort((a, b) => b - a)
  const { pass, border } = search.bracket
  const centre = rates.findIndex((one) => one === (running ?? pass ?? border))
  const from = Math.max(0, Math.min(rates.length - height, centre - Math.floor(height / 2)))
  return rates.slice(from, from + height).map((one) => rateLine(one, search.probes.filter((probe) => probe.rate === one), { isRunning: one === running, isEnd: one === pass || one === border }, width))
}

const RATE_CELLS = 9
const PROBES_CELLS = 9

function rateLine(tried: number, probes: readonly ProbeResult[], { isRunning, isEnd }: { isRunning: boolean; isEnd: boolean }, width: number): Line {
  const symbols = probes.slice(-PROBES_CELLS + 1).map(({ outcome }): Span => ({ text: SHOWN[outcome][0], style: SHOWN[outcome][1] }))
  const used = symbols.length + (isRunning ? 1 : 0)
  const last = probes.findLast(({ figures }) => figures.latencyMs !== undefined)?.figures
  const figures = last === undefined ? '' : `p99 ${fit(ms(last.latencyMs?.p99), 8, 'right')} ms  errors ${fit(percent(last.errorRate, 1), 7, 'right')}  backlog ${fit(last.backlogGrowth === undefined ? NOTHING : `+${percent(last.backlogGrowth, 1)}`, 7, 'right')}`
  const why = probes.findLast(({ outcome }) => outcome !== 'passed')?.reasons[0]
  return [
    { text: fit(rate(tried), RATE_CELLS, 'right'), style: isEnd ? 'title' : isRunning ? 'strong' : undefined },
    '  ',
    ...symbols,
    ...(isRunning ? [{ text: SYMBOLS.going, style: 'title' as const }] : []),
    ' '.repeat(Math.max(1, PROBES_CELLS - used)),
    { text: figures === '' && isRunning ? 'going on' : figures, style: undefined },
    ...(width >= 110 && why !== undefined ? [{ text: `  ${why}`, style: 'dim' as const }] : []),
  ]
}
