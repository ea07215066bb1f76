import type { ProbeOutcome, ProbeResult } from '../run/search.ts'
import { ms } from './numbers.ts'
import { rate } from './searched.ts'

export const PROBE_SYMBOLS: Record<ProbeOutcome, string> = { passed: '●', failed: '✖', late: '?', disturbed: '?', data: '!' }

/**
 * One line for each probe, highest rate first: what became of it, and its p99 as a bar on a logarithmic scale, with the limit ruled through all of them.
 *
 *     4,000/s ✖ ━━━━━━━━━━━━━━┿━━━━━━━━━━━━━━━━━━━  2,410 ms
 *     3,084/s ● ━━━━━━━━━━    │                     38.2 ms
 */
export function searchChart(probes: readonly ProbeResult[], { limitMs, width }: { limitMs?: number; width: number }): string[] {
  const known = probes.flatMap(({ figures }) => (figures.latencyMs && figures.latencyMs.count > 0 ? [figures.latencyMs.p99] : []))
  if (known.length === 0) return []
  const least = Math.max(0.1, Math.min(...known, limitMs ?? Infinity) / 2)
  const most = Math.max(...known, limitMs ?? 0)
  const labelCells = Math.max(...probes.map((probe) => rate(probe.rate).length))
  const valueCells = Math.max(...known.map((p99) => ms(p99).length))
  const barCells = Math.max(10, width - labelCells - valueCells - 6)
  const cellsOf = (value: number) => Math.round((Math.log(Math.max(least, value) / least) / Math.log(most / least || 2)) * (barCells - 1))
  const limitAt = limitMs === undefined ? -1 : cellsOf(limitMs)
  const bar = (p99: number | undefined) => {
    const full = p99 === undefined ? 0 : cellsOf(p99) + 1
    return Array.from({ length: barCells }, (_, cell) => (cell === limitAt ? (cell < full ? '┿' : '│') : cell < full ? '━' : ' ')).join('')
  }
  const sorted = [...probes].sort((a, b) => b.rate - a.rate || a.probe - b.probe)
  const lines = sorted.map((probe) => {
    const p99 = probe.figures.latencyMs && probe.figures.latencyMs.count > 0 ? probe.figures.latencyMs.p99 : undefined
    return `${rate(probe.rate).padStart(labelCells)} ${PROBE_SYMBOLS[probe.outcome]} ${bar(p99)}  ${(p99 === undefined ? '–' : ms(p99)).padStart(valueCells)}`.trimEnd()
  })
  const limitLabel = limitMs === undefined ? '' : `${ms(limitMs)}, the limit`
  const limitColumn = labelCells + 3 + limitAt
  const limitLine = limitColumn + 2 + limitLabel.length <= width ? `${' '.repeat(limitColumn)}└ ${limitLabel}` : `${limitLabel} ┘`.padStart(limitColumn + 1)
  const legend = '● passed  ✖ failed  ? cannot be believed  ! data wrong'
  return [...lines, ...(limitMs === undefined ? [] : [limitLine]), legend]
}
