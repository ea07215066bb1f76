import { METRIC_NAMES } from './metric-names.ts'
import type { MetricFigures } from './inside.ts'
import { int, mib, ms, num } from './numbers.ts'
import type { Summary } from './summarise.ts'
import { table } from './table.ts'

/** What the system's own processes told of themselves while the load went on. */
export function insideSection({ inside, phases }: Summary): string {
  const shown = Object.entries(inside).filter(([, { max }]) => max > 0)
  if (shown.length === 0) return ''
  const measured = phases.filter((phase) => phase.measured).map((phase) => phase.name)
  const columns = measured.length > 1 ? measured : []
  const rows = shown.map(([name, figures]): [string, MetricFigures, (value: number) => string] => {
    return [METRIC_NAMES[name] === undefined ? `\`${metricLabel(name)}\`` : metricLabel(name), figures, (value) => metricText(name, value)]
  })
  rows.sort(([a], [b]) => a.localeCompare(b))
  const cells = rows.map(([name, figures, text]) => [name, text(figures.mean), text(figures.max), ...columns.map((phase) => (figures.phases[phase] === undefined ? '–' : text(figures.phases[phase])))])
  return `## Inside the system\n\n${table(['', 'mean', 'max', ...columns], cells, 1)}\n\nTold by the processes themselves, once a second; all replicas together, of times and sizes the largest.${columns.length > 0 ? ' By phase: means.' : ''}`
}

const isRate = (name: string): boolean => name.endsWith('_total') || name === 'db_queries'

/** What a metric is called, with its unit where it is a rate. */
export function metricLabel(name: string): string {
  return `${METRIC_NAMES[name] ?? name}${isRate(name) ? ', per s' : ''}`
}

/** Its value, in the unit that its name says. */
export function metricText(name: string, value: number): string {
  return value === 0 ? '0' : formatOf(name)(value)
}

function formatOf(name: string): (value: number) => string {
  if (name === 'cache_hit_rate') return (value) => `${(value * 100).toFixed(1)} %`
  if (name.endsWith('_seconds')) return (value) => ms(value * 1_000)
  if (name.endsWith('_bytes')) return (value) => (value < 2 ** 20 ? `${int(value / 1_024)} KiB` : mib(value))
  return num
}
