import type { Stage } from '../../../run/events.ts'
import { whereText } from '../../../run/where.ts'
import { faultLabel, type RunState } from '../../../run/state.ts'
import { clean, justify, lineCells, paintLine, type Line, type Span } from '../cells.ts'
import { beingTakenDown, elapsedSeconds, progress, stamp } from '../facts.ts'
import { bar, clock } from '../format.ts'
import type { View } from '../keys.ts'
import { Block } from '../pane.tsx'
import { searchLine } from './search.tsx'
import { SYMBOLS, type Theme } from '../theme.ts'

export interface HeaderProps {
  state: RunState
  view: View
  title?: string
  width: number
  theme: Theme
}

/** Three lines: what runs; where it is; what is wrong. */
export function Header(props: HeaderProps) {
  return <Block width={props.width} lines={headerLines(props)} />
}

export function headerLines({ state, view, title, width, theme }: HeaderProps): string[] {
  const probe = state.search?.searched === undefined && state.ended === undefined ? state.search?.current?.run : undefined
  const lines: Line[] = [
    identity(state, view, title, width),
    whereabouts(probe ?? state, width),
    state.search === undefined ? alertLine(state, width) : [...searchLine(state, width), ...(probe && hasAlerts(probe) ? ['   ', ...alertLine(probe, width)] : [])],
  ]
  return lines.map((line) => theme.finish(` ${paintLine(line, Math.max(0, width - 2), theme)} `.slice(width < 2 ? 2 - width : 0)))
}

function identity(state: RunState, view: View, title: string | undefined, width: number): Line {
  const run = state.run
  const what: Span[] = run
    ? [
        { text: clean(run.scenario.id), style: 'title' },
        ' on ',
        { text: clean(run.architecture), style: 'title' },
        { text: ` · ${clean(run.title)}`, style: 'dim' },
      ]
    : [{ text: clean(title ?? 'load lab'), style: 'title' }]
  const elapsed = elapsedSeconds(state)
  const aside: Span[] = view.frozen
    ? [{ text: ` FROZEN${elapsed === undefined ? '' : ` at ${clock(elapsed)}`}, the run goes on `, style: 'mark' }]
    : run
      ? [{ text: `${clean(whereText(run))} · ${clean(run.runId)}`, style: 'dim' }]
      : []
  const narrow = lineCells(what) + lineCells(aside) >= width - 2
  return justify(narrow && run ? what.slice(0, 3) : what, aside, Math.max(0, width - 2))
}

function hasAlerts({ alerts }: RunState): boolean {
  return alerts.length > 0
}

const STAGES = ['up', 'seed', 'load', 'settle', 'reconcile', 'report'] as const

/** A run without history has no stage for it, a search those of its probes. */
function stagesOf({ run, search }: RunState): readonly Stage[] {
  if (search !== undefined) return ['search', 'report']
  return run?.history === undefined ? STAGES.filter((stage) => stage !== 'seed') : STAGES
}

/** `● up ▶ LOAD ○ settle ○ reconcile ○ report   hold 9 s left ████░░ 63 %`, the bar's end always at the same place. */
function whereabouts(state: RunState, width: number): Line {
  const { says, share, of } = progress(state)
  const stages = stagesOf(state)
  const reached =
    state.stage === 'waiting' ? -1 : state.stage === 'down' || state.stage === 'ended' ? stages.length : stages.indexOf(state.stage)
  const rail = stages.flatMap((stage, index): Span[] => {
    if (index < reached) return [{ text: `${SYMBOLS.good} ${stage} `, style: 'good' }]
    if (index === reached) return [{ text: `${SYMBOLS.going} ${stage.toUpperCase()} `, style: 'title' }]
    return [{ text: `${SYMBOLS.pending} ${stage} `, style: 'dim' }]
  })
  const room = width - 2 - lineCells(rail) - 1
  const end: Span[] = share === undefined ? [] : [{ text: ` ${String(Math.round(share * 100)).padStart(3)} %`, style: 'strong' }]
  // As wide as the longest phase's, so that the bar stands still.
  const longest = state.stage === 'load' ? Math.max(0, ...(state.run?.scenario.phases ?? []).map(({ name }) => name.length + 10)) : 0
  const text = (of !== undefined && room >= says.length + of.length + 20 ? `${says} · ${of}` : says).padEnd(longest)
  const free = room - text.length - 7
  if (share === undefined || free < 5)
    return justify([...rail, ' ', { text, style: 'strong' }], room >= text.length + 6 ? end : [], width - 2)
  const barCells = Math.min(60, free, Math.max(8, Math.round(width / 5)))
  return justify([...rail, ' ', { text, style: 'strong' }], [{ text: bar(share, barCells), style: 'good' }, ...end], width - 2)
}

function alertLine(state: RunState, width: number): Line {
  const down = state.services.filter(({ status }) => status === 'exited' && !beingTakenDown(state)).map(({ service }) => clean(service))
  const faults = state.faults.filter(({ healedAtMs }) => healedAtMs === undefined)
  const since = (sinceMs: number) => (state.alerts.length > 1 && width < 120 ? '' : ` (since ${stamp(state, sinceMs)})`)
  const spans: Span[] = [
    ...down.map((service): Span => ({ text: `${SYMBOLS.bad} ${service} is DOWN  `, style: 'bad' })),
    ...state.alerts.map(({ says, sinceMs }): Span => ({ text: `${SYMBOLS.warn} ALERT ${clean(says)}${since(sinceMs)}  `, style: 'bad' })),
    ...faults.map((fault): Span => ({ text: `${SYMBOLS.warn} FAULT ${clean(faultLabel(fault))}  `, style: 'warn' })),
  ]
  if (spans.length > 0) return spans.length > 1 ? [{ text: `${spans.length}: `, style: 'strong' }, ...spans] : spans
  return [{ text: state.stage === 'waiting' || state.stage === 'up' ? '' : `${SYMBOLS.good} no alerts`, style: 'dim' }]
}
