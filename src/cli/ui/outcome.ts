import type { RunState } from '../../run/state.ts'
import { HISTORY_WRONGS } from '../../reports/history.ts'
import { lineCells, wrapWords, type Line, type Span } from './cells.ts'
import { count, ms } from './format.ts'
import { SYMBOLS, type Style } from './theme.ts'

export const OUTCOMES = {
  passed: [SYMBOLS.good, 'PASSED', 'good'],
  failed: [SYMBOLS.bad, 'FAILED', 'bad'],
  invalid: [SYMBOLS.warn, 'INVALID', 'warn'],
} as const satisfies Record<string, readonly [symbol: string, word: string, style: Style]>

/** `lost 0 · duplicated 0 …`: whatever is above zero is marked. */
export function accountingLines({ accounting }: RunState, width: number, { lags: withLags = true } = {}): Line[] {
  if (!accounting) return []
  const { lost, lostExcused = 0, duplicated, phantom, unexpected, altered, recovered, miscounted } = accounting
  const wrong: [string, number][] = [
    ['lost', lost],
    ['duplicated', duplicated],
    ['phantom', phantom],
    ['unexpected', unexpected],
    ['altered', altered],
    ['miscounted', miscounted.length],
    ...(accounting.leaked === undefined ? [] : [['leaked', accounting.leaked] as [string, number]]),
  ]
  const past = accounting.history
  for (const kind of HISTORY_WRONGS) if (past && past[kind] > 0) wrong.push([`history ${kind}`, past[kind]])
  const isExcused = lost > 0 && lostExcused === lost
  const pieces = wrong.map(([name, value]): Span =>
    name === 'lost' && isExcused ? { text: `${SYMBOLS.warn} lost ${count(lost)} (allowed)`, style: 'warn' } : value > 0 ? { text: `${SYMBOLS.bad} ${name} ${count(value)}`, style: 'bad' } : { text: `${name} 0` },
  )
  const fates = [
    `ok ${count(accounting.ok)}`,
    `stored ${count(accounting.stored)}`,
    `rejected ${count(accounting.rejected)}`,
    `unknown ${count(accounting.unknown)} (${count(recovered)} recovered)`,
    `never sent ${count(accounting.neverSent)}`,
    ...(past ? [`history ${count(past.stored)} of ${count(past.orders)}`] : []),
  ].join(' · ')
  const lags = !withLags
    ? []
    : [
        accounting.persistedLagMs && `persisted p99 ${ms(accounting.persistedLagMs.p99)} ms`,
        accounting.freshnessMs && `visible p99 ${ms(accounting.freshnessMs.p99)} ms`,
      ].filter((text) => text !== undefined)
  const all = spaced(pieces)
  const wrongLines: Line[] = lineCells(all) <= width ? [all] : [spaced(pieces.slice(0, 3)), spaced(pieces.slice(3))]
  return [
    ...wrongLines,
    ...wrapWords(fates, width).map((line): Line => [{ text: line, style: 'dim' }]),
    ...(lags.length > 0 ? [[{ text: lags.join(' · '), style: 'dim' } as const]] : []),
  ]
}

function spaced(pieces: readonly Span[]): Line {
  return pieces.flatMap((piece, index): Span[] => (index === 0 ? [piece] : [' · ', piece]))
}
