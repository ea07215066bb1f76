/** Reads what the lab needs of Prometheus' text format: names and values of the system's own metrics. */

const OURS = 'lab_'

/** Value by name; samples with different labels of one name are combined. Others' names, buckets and what is no number are left out. */
export function parseMetrics(text: string): Map<string, number> {
  const values = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (!line.startsWith(OURS)) continue
    // Label values may hold spaces and braces; after the last brace come value and time stamp.
    const labelled = line.indexOf('{')
    const space = line.indexOf(' ')
    const hasLabels = labelled > 0 && labelled < space
    const name = line.slice(0, hasLabels ? labelled : space)
    const value = Number(line.slice(hasLabels ? line.lastIndexOf('}') + 1 : space).trim().split(' ', 1)[0])
    if (space < 0 || !Number.isFinite(value) || name.endsWith('_bucket')) continue
    const before = values.get(name)
    values.set(name, before === undefined ? value : combined(name, before, value))
  }
  return values
}

/** What one process said, and when. */
export interface Reading {
  atMs: number
  values: ReadonlyMap<string, number>
}

/** Of ages, durations and sizes the largest counts; everything else adds up. */
const combined = (name: string, a: number, b: number): number => (/_(seconds|bytes)$/.test(name) ? Math.max(a, b) : a + b)
const isCounter = (name: string): boolean => name.endsWith('_total')

/**
 * One figure per name over all processes: counters as rates per second, gauges as they are. A process that was not there
 * before, or whose counter went back, counts from zero; of the very first readings there are no rates. Where a process gave
 * no answer (`undefined`) its names have no figure: a sum without it would look like a drop.
 */
export function metricFigures(now: ReadonlyMap<string, Reading | undefined>, before: ReadonlyMap<string, Reading>): Record<string, number> {
  const figures: Record<string, number> = {}
  const lacking = new Set([...now].filter(([, reading]) => reading === undefined).flatMap(([process]) => [...(before.get(process)?.values.keys() ?? [])]))
  const lookedAtMs = Math.max(-Infinity, ...[...before.values()].map(({ atMs }) => atMs))
  for (const [process, reading] of now) {
    if (reading === undefined) continue
    const then = before.get(process)
    for (const [name, value] of reading.values) {
      if (lacking.has(name) || (isCounter(name) && before.size === 0)) continue
      const figure = isCounter(name) ? perSecond(name, value, reading.atMs, then, lookedAtMs) : value
      figures[name] = figures[name] === undefined ? figure : combined(name, figures[name], figure)
    }
  }
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(6))]))
}

function perSecond(name: string, value: number, atMs: number, then: Reading | undefined, lookedAtMs: number): number {
  const earlier = then?.values.get(name) ?? 0
  const seconds = Math.max(0.001, (atMs - (then?.atMs ?? lookedAtMs)) / 1_000)
  return (value < earlier ? value : value - earlier) / seconds
}
