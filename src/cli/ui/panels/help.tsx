import type { Line } from '../cells.ts'
import { Pane, type PanelProps } from '../pane.tsx'
import { SYMBOLS } from '../theme.ts'

const KEYS: readonly [keys: string, says: string][] = [
  ['q, Ctrl-C', 'stop the load, keep results, take everything down; again: force'],
  ['f, space', 'freeze the picture; the run and its data go on'],
  ['Tab, ← →', 'next or previous panel; a verdict is shown as soon as there is one'],
  ['c, n', 'next chart: events, latency, backlog, freshness, failures, CPU'],
  ['z', 'charts of the last minute, or of the whole run'],
  ['Ctrl-L', 'draw everything anew'],
  ['?, Esc', 'this help'],
]

const WORDS: readonly [word: string, says: string][] = [
  ['offered', 'events that the schedule asks for, whatever the system does'],
  ['accepted', 'answered with 2xx; persisted: stored in the database'],
  ['latency', 'from the moment an event should have been sent; timeouts included'],
  ['backlog', 'accepted, not stored yet; freshness: age of what subscribers see'],
  ['unknown', 'timed out, reset or 5xx: may have been written'],
]

export function HelpPanel(props: PanelProps) {
  return <Pane {...props} content={{ title: 'help', body: (_width, height) => helpLines(height) }} />
}

function helpLines(height: number): Line[] {
  const table = (rows: readonly [string, string][]) => rows.map(([left, right]): Line => [{ text: left.padEnd(12), style: 'title' }, right])
  const symbols: Line = [
    { text: 'symbols'.padEnd(12), style: 'title' },
    { text: SYMBOLS.good, style: 'good' },
    ' good   ',
    { text: SYMBOLS.warn, style: 'warn' },
    ' worth a look   ',
    { text: SYMBOLS.bad, style: 'bad' },
    ' bad   ',
    `${SYMBOLS.pending} to come   ${SYMBOLS.going} going on`,
  ]
  const all = [...table(KEYS), [], ...table(WORDS), symbols]
  return height >= all.length ? all : [...table(KEYS), ...table(WORDS), symbols]
}
