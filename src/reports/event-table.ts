import type { RunRecord } from '../run/record.ts'
import { HISTORY_WRONGS } from './history.ts'
import { int } from './numbers.ts'
import { WRONGS, type Accounting } from './reconcile.ts'
import type { Summary } from './summarise.ts'
import { table } from './table.ts'

/** What became of every event: the accounting with its examples, and when loss was allowed. */
export function eventTable({ state }: RunRecord, { accounting }: Summary): string {
  if (accounting === undefined) return ''
  const rows = [
    ['scheduled', int(accounting.scheduled), 'by the load plan'],
    ['accepted (ok)', int(accounting.ok), '2xx'],
    ['rejected', int(accounting.rejected), '4xx or 503: nothing was written'],
    ['unknown', int(accounting.unknown), 'timeout, reset, other 5xx: may have been written'],
    ['never sent', int(accounting.neverSent), 'the injector had no room'],
    ['stored', int(accounting.stored), 'distinct events found in the store'],
    ['recovered', int(accounting.recovered), 'unknown, yet stored: fine'],
    ...WRONGS.map((kind) => [`**${kind}**`, int(accounting[kind]), kind === 'lost' && accounting.lostExcused > 0 ? `${WRONG_SAYS.lost}; ${int(accounting.lostExcused)} of them as the guarantee allows` : WRONG_SAYS[kind]]),
    ['**miscounted**', int(accounting.miscounted.length), 'figures of the dashboard that differ from what the stored ids make'],
  ]
  if (accounting.leaked !== undefined) rows.push(['**leaked**', int(accounting.leaked), 'stored for somebody else than who sent it'])
  if (accounting.guests !== undefined) rows.push(['of guests', int(accounting.guests), 'stored by who tried the borders, in a name of its own; in none of the numbers above'])
  if (accounting.history) rows.push(...historyRows(accounting.history))
  const named = (kind: string, ids: readonly string[]) => (ids.length === 0 ? [] : [`${kind}, the first ${ids.length}:\n\n${ids.map((id) => `- \`${id}\``).join('\n')}`])
  const examples = [
    ...WRONGS.flatMap((kind) => named(kind, accounting.examples[kind])),
    ...named('leaked', accounting.examples.leaked ?? []),
    ...HISTORY_WRONGS.flatMap((kind) => named(`history ${kind}`, accounting.history?.examples[kind] ?? [])),
  ]
  const miscounts = accounting.miscounted.slice(0, 20).map((one) => `- \`${one.figure}\`: shows ${int(one.shown)}, the stored ids make ${int(one.expected)}`)
  const drained = state.settle === undefined ? '' : state.settle.drained ? `The backlog was gone ${(state.settle.tookMs / 1_000).toFixed(1)} s after the load.` : `The backlog was **not** gone after ${(state.settle.tookMs / 1_000).toFixed(1)} s.`
  return ['## What became of every event', table(['', 'events', ''], rows, 1), allowedWindows(state, accounting), drained, ...examples, miscounts.length > 0 ? `Miscounted:\n\n${miscounts.join('\n')}` : ''].filter((part) => part !== '').join('\n\n')
}

function historyRows(found: NonNullable<Accounting['history']>): string[][] {
  return [
    ['history', int(found.orders), 'written before the load, in none of the numbers above'],
    ['history found', int(found.stored), 'distinct ones in the store'],
    ...HISTORY_WRONGS.map((kind) => [`**history ${kind}**`, int(found[kind]), HISTORY_SAYS[kind]]),
  ]
}

const HISTORY_SAYS = { lost: 'written, and missing now', duplicated: 'stored more than once', altered: 'stored fields differ from what was written' }

/** When loss was allowed, in seconds since the load began. */
function allowedWindows({ loadStartAtMs = 0 }: RunRecord['state'], { lossWindows = [] }: Accounting): string {
  const at = (ms: number) => `${((ms - loadStartAtMs) / 1_000).toFixed(1)} s`
  return lossWindows
    .map(({ service, fromMs, toMs }) => `Accepted events that were due ${fromMs === undefined ? 'from the beginning' : `from ${at(fromMs)}`} ${toMs === undefined ? 'to the end' : `to ${at(toMs)}`} may be missing: ${service} was away.`)
    .join(' ')
}

const WRONG_SAYS = {
  lost: 'accepted, not stored',
  duplicated: 'stored or counted more than once',
  phantom: 'rejected, yet stored',
  unexpected: 'stored, never sent',
  altered: 'stored fields differ from what was sent',
}
