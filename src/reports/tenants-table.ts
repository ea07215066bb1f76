import type { RunState } from '../run/state.ts'
import { int, num } from './numbers.ts'
import type { GroupFigures, Summary } from './summarise.ts'
import { table } from './table.ts'

/** How the others fare beside a noisy caller, and what came of the attempts to cross borders. */
export function tenantsSection(summary: Summary, loadStartAtMs = 0): string {
  const parts = [groups(summary), borders(summary, loadStartAtMs)].filter((part) => part !== '')
  return parts.length === 0 ? '' : ['## Tenants', ...parts].join('\n\n')
}

function groups({ phases }: Summary): string {
  const rows = phases.flatMap(({ name, measured, groups }) => (groups === undefined ? [] : [[measured ? name : `${name} (warm-up)`, ...cells(groups.others), ...cells(groups.noisy)]]))
  if (rows.length === 0) return ''
  const head = ['events/s', 'p50', 'p99', '429s']
  const named = (who: string) => head.map((title) => `${who} ${title}`)
  return `${table(['phase', ...named('others:'), ...named('noisy:')], rows, 1)}\n\nOrders of the noisy caller, and of all others: events offered per second, latency in ms from the intended send time, events refused with 429.`
}

function cells({ offeredPerSecond, latencyMs, limited }: GroupFigures): string[] {
  const known = latencyMs !== undefined && latencyMs.count > 0
  return [int(offeredPerSecond), known ? num(latencyMs.p50) : '–', known ? num(latencyMs.p99) : '–', int(limited)]
}

function borders({ trespass }: Summary, loadStartAtMs: number): string {
  if (trespass === undefined) return ''
  const leaks = trespass.examples.map(({ atMs, tried, leaked }) => `- at ${((atMs - loadStartAtMs) / 1_000).toFixed(0)} s, ${tried}: **${leaked}**`)
  return [`Attempts to cross a border between callers while the load went on: ${attemptsText(trespass)}.`, leaks.join('\n')].filter((part) => part !== '').join('\n\n')
}

/** `1,250 attempts, 0 leaks` */
export function attemptsText({ attempts, leaks }: NonNullable<RunState['trespass']>): string {
  return `${int(attempts)} attempts, ${int(leaks)} leaks`
}
