import { faultLabel, type RunState } from '../../../run/state.ts'
import { clean, wrapWords, type Line } from '../cells.ts'
import { stamp } from '../facts.ts'
import { count } from '../format.ts'
import { Pane, type PanelProps } from '../pane.tsx'
import { SYMBOLS, type Style } from '../theme.ts'

/** Alerts that are on, faults, and what the lab has to say; newest at the bottom. */
export function NotesPanel(props: PanelProps) {
  return <Pane {...props} content={{ title: 'notes', body: (width, height) => noteLines(props.state, width, height) }} />
}

export function noteLines(state: RunState, width: number, height: number): Line[] {
  const on: Line[] = state.alerts.flatMap(({ says, sinceMs }) =>
    paragraph(`${SYMBOLS.warn} ALERT`, `${clean(says)} (since ${stamp(state, sinceMs)})`, 'bad', width),
  )
  const faults: Line[] = state.faults.flatMap(({ injectedAtMs, healedAtMs, ...fault }) =>
    paragraph(
      `${SYMBOLS.warn} fault`,
      `${clean(faultLabel(fault))} at ${stamp(state, injectedAtMs)}, ${healedAtMs === undefined ? 'going on' : `healed at ${stamp(state, healedAtMs)}`}`,
      healedAtMs === undefined ? 'warn' : 'dim',
      width,
    ),
  )
  const leaks: Line[] = (state.trespass?.examples ?? []).flatMap(({ atMs, tried, leaked }) => paragraph(`${SYMBOLS.bad} LEAK`, `at ${stamp(state, atMs)} ${clean(tried)}: ${clean(leaked)}`, 'bad', width))
  const borders: Line[] = state.trespass === undefined || leaks.length > 0 ? [] : [[{ text: `${SYMBOLS.good} borders: ${count(state.trespass.attempts)} attempts, 0 leaks`, style: 'dim' }]]
  const notes: Line[] = state.notes.flatMap(({ level, says }) =>
    paragraph(level === 'warning' ? `${SYMBOLS.warn} warning` : '· note', clean(says), level === 'warning' ? 'warn' : undefined, width),
  )
  const beside: Line[] = Object.entries(state.observing ?? {}).flatMap(([name, url]) => paragraph(`· ${clean(name)}`, clean(url), undefined, width))
  const rest = [...beside, ...faults, ...notes]
  on.unshift(...leaks.slice(0, Math.max(1, height - 1)), ...borders)
  const room = Math.max(0, height - on.length)
  if (on.length + rest.length === 0) return [[{ text: `${SYMBOLS.good} nothing to report`, style: 'dim' }]]
  return [...on, ...(room === 0 ? [] : rest.slice(-room))]
}

function paragraph(head: string, text: string, style: Style | undefined, width: number): Line[] {
  return wrapWords(`${head} ${text}`, width - 2).map((line, index) => [{ text: index === 0 ? line : `  ${line}`, style }])
}
