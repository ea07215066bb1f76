import type { AnalyticsQuery } from './architecture.ts'
import { Refusal } from './problem.ts'

const BY = ['product', 'store', 'type', 'hour'] as const
const NAMES = ['from', 'to', 'by']
const DAY_MS = 24 * 3_600_000
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/

/** `?from&to&by`: ISO 8601 times with an offset, the last 24 hours by product unless told otherwise. Throws a {@link Refusal}. */
export function readAnalyticsQuery(query: Record<string, unknown>, nowMs: number): AnalyticsQuery {
  for (const name of Object.keys(query)) {
    if (!NAMES.includes(name)) throw new Refusal(400, { error: `unknown parameter ${JSON.stringify(name.slice(0, 60))}; allowed: ${NAMES.join(', ')}`, field: name.slice(0, 60) })
  }
  const toMs = readTime('to', query['to'], nowMs)
  const fromMs = readTime('from', query['from'], toMs - DAY_MS)
  const by = BY.find((it) => it === (query['by'] ?? 'product'))
  if (by === undefined) throw new Refusal(400, { error: `by is none of ${BY.join(', ')}`, field: 'by' })
  if (!(fromMs < toMs)) throw new Refusal(400, { error: 'from must be before to', field: 'from' })
  return { fromMs, toMs, by, asked: JSON.stringify([query['from'] ?? '', query['to'] ?? '', by]) }
}

function readTime(name: string, given: unknown, otherwiseMs: number): number {
  if (given === undefined) return otherwiseMs
  const ms = typeof given === 'string' && ISO.test(given) ? Date.parse(given) : NaN
  if (Number.isNaN(ms)) {
    throw new Refusal(400, { error: `${name} is no ISO 8601 time with an offset, such as 2026-01-31T08:00:00Z (write + as %2B)`, field: name })
  }
  return ms
}
