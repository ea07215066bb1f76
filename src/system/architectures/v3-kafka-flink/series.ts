import type { FastifyInstance } from 'fastify'
import type { Description } from '../../architecture.ts'
import { Refusal } from '../../problem.ts'
import type { View } from './view.ts'

/** One window of the time series, by the time of the orders. */
export interface SeriesWindow {
  /** ISO 8601. */
  start: string
  count: number
  revenueCents: number
}

export interface Series {
  windows: SeriesWindow[]
  /** Events that came when their window was closed already: in the dashboard, and in no window. */
  lateEvents: number
}

const PATH = '/api/series'
const MOST_WINDOWS = 1_000
const HOUR_MS = 3_600_000

/** `GET /api/series?from&to`: windows that began in that span, the last hour by default. */
export function seriesRoute(app: FastifyInstance, windowS: number, view: View): void {
  app.get(PATH, async (request) => {
    const query = request.query as Record<string, unknown>
    const toMs = momentOf(query, 'to') ?? Date.now()
    const fromMs = momentOf(query, 'from') ?? toMs - HOUR_MS
    if (fromMs >= toMs) throw new Refusal(400, { error: 'from must be before to', field: 'from' })
    return { windowS, ...(await view.series(fromMs, toMs, MOST_WINDOWS)) }
  })
}

function momentOf(query: Record<string, unknown>, field: string): number | undefined {
  const text = query[field]
  if (text === undefined) return undefined
  const ms = typeof text === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) throw new Refusal(400, { error: `${field} must be a time in ISO 8601, UTC, such as 2026-11-21T07:00:00Z`, field })
  return ms
}

export function seriesDescription(): Description {
  const time = { type: 'string', format: 'date-time' }
  const count = { type: 'integer', minimum: 0 }
  const object = (properties: Record<string, unknown>) => ({ type: 'object', properties, required: Object.keys(properties), additionalProperties: false })
  const answer = (name: string, description: string) => ({ description, content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } } })
  return {
    paths: {
      [PATH]: {
        get: {
          summary: `The time series: windows that began in a span, the newest ${MOST_WINDOWS}, oldest first. A window is there once it is over`,
          parameters: [
            { name: 'from', in: 'query', schema: time, description: 'An hour before `to` by default.' },
            { name: 'to', in: 'query', schema: time, description: 'Now by default.' },
          ],
          responses: {
            200: answer('Series', 'Windows without events are left out.'),
            400: answer('Error', 'A parameter is wrong.'),
            503: { ...answer('Error', 'Redis is away.'), headers: { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer', minimum: 1 } } } },
          },
        },
      },
    },
    schemas: {
      SeriesWindow: object({ start: time, count, revenueCents: count }),
      Series: object({ windowS: count, windows: { type: 'array', items: { $ref: '#/components/schemas/SeriesWindow' } }, lateEvents: count }),
    },
  }
}
