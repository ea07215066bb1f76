import { num } from '../numbers.ts'
import { figureOf, type Figure, type Read, type Results } from './result.ts'

/** A figure that was not measured is a dash; the last column says why. */
export function cell(results: Results, step: string, read: Read, render: (value: number) => string = num): string {
  const figure = figureOf(results, step, read)
  return figure === undefined ? '–' : render(figure.value)
}

/** The runs behind a row, or what is missing. Runs that count for nothing are named too. */
export function runsCell(results: Results, ...steps: string[]): string {
  return steps
    .map((step) => {
      const runs = results.of(step)
      return runs.length === 0 ? `not measured: ${step}: ${results.why(step)}` : runs.map((run) => `\`${run.runId}\`${doubt(run.summary?.verdict)}`).join(', ')
    })
    .join('; ')
}

export function runIds(...figures: (Figure | undefined)[]): string {
  return [...new Set(figures.flatMap((figure) => figure?.runIds ?? []))].map((id) => `\`${id}\``).join(', ')
}

function doubt(verdict: { outcome: string; reasons: string[] } | undefined): string {
  return verdict === undefined || verdict.outcome === 'passed' ? '' : ` (${verdict.outcome}: ${verdict.reasons[0] ?? 'no reason given'})`
}

export const seconds = (value: number) => `${num(value)} s`
