import { EXIT } from '../../run/errors.ts'
import { num } from '../numbers.ts'
import { table } from '../table.ts'
import type { Comparison, JudgedMetric } from './compare.ts'
import { median } from '../statistics.ts'

/** The comparison for people: the answer, the table, what differs. Markdown that reads well as it is. */
export function comparisonText(comparison: Comparison, title = 'Comparison'): string {
  return [
    `# ${title}`,
    answer(comparison),
    metricTable(comparison),
    differences(comparison),
    list('Remarks', comparison.remarks),
    runs(comparison),
    METHOD,
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n')
}

const METHOD = `Ratios are this ÷ against, by Hodges and Lehmann on logarithms, with 95 % percentile bootstrap intervals; p-values by exact or sampled rearrangement (signs of pairs, or sides), adjusted by Holm over all metrics. Regressed or improved: the interval leaves out 1, the ratio is past the floor, and p is at most 0.05. Equivalent: the whole interval lies within the floor. The unit is the run, never the request.`

function answer({ verdict, reasons, exitCode }: Comparison): string {
  const word = exitCode === EXIT.data ? 'DATA WRONG' : verdict.toUpperCase()
  return `**${word}**\n\n${reasons.map((reason) => `- ${reason}`).join('\n')}`
}

function metricTable({ metrics, base, head }: Comparison): string {
  if (metrics.length === 0) return ''
  const noise = metrics.some((metric) => metric.noise !== undefined)
  const header = ['metric', 'against', 'this', 'ratio', '95 %', 'p', ...(noise ? ['same build ÷ itself'] : []), 'floor', 'verdict']
  const rows = metrics.map((metric) => [
    `${metric.name} (${metric.unit}, ${metric.better} is better)`,
    num(median(metric.base)),
    num(median(metric.head)),
    metric.ratio.toFixed(3),
    metric.interval === undefined ? '–' : `${metric.interval.low.toFixed(3)} – ${metric.interval.high.toFixed(3)}`,
    pText(metric),
    ...(noise ? [metric.noise?.toFixed(3) ?? '–'] : []),
    `${(metric.floor * 100).toFixed(0)} %`,
    metric.verdict === 'regressed' ? '**regressed**' : metric.verdict,
  ])
  return `${table(header, rows, 1)}\n\nMedians: of ${runCount(base)} against, of ${runCount(head)} of this.`
}

function runCount({ length }: readonly string[]): string {
  return `${length} ${length === 1 ? 'run' : 'runs'}`
}

function pText({ adjustedP, interval }: JudgedMetric): string {
  if (interval === undefined) return '–'
  return adjustedP < 0.001 ? '< 0.001' : adjustedP.toFixed(3)
}

function differences({ differences: found }: Comparison): string {
  if (found.length === 0) return 'Same scenario, knobs, code, versions and machine on both sides.'
  return `## What differs\n\n${table(['', 'against', 'this'], found.map(({ what, base, head }) => [what, base, head]), 3)}`
}

function list(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `## ${title}\n\n${lines.map((line) => `- ${line}`).join('\n')}`
}

function runs({ base, head, paired }: Comparison): string {
  const named = (ids: readonly string[]) => (ids.length === 0 ? 'none' : ids.map((id) => `\`${id}\``).join(', '))
  return `## Runs\n\n- against: ${named(base)}\n- this: ${named(head)}${paired ? '\n- compared pair by pair, in this order' : ''}`
}
