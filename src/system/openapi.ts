import type { Description } from './architecture.ts'
import { MAX_AMOUNT_CENTS, MAX_BATCH, ORDER_TYPES, PRODUCTS, STORES } from './event.ts'

type Json = Record<string, unknown>

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })
const json = (schema: Json, description: string): Json => ({ description, content: { 'application/json': { schema } } })
const failure = (description: string): Json => json(ref('Error'), description)
const retryAfter: Json = { headers: { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer', minimum: 1 } } } }
const retryLater: Json = { ...failure('The broker or store is away, or the backlog is full; nothing was written.'), ...retryAfter }
const tooMany: Json = { ...failure('This customer (`X-Customer`, else the address) has sent more events than its limit allows; nothing was written.'), ...retryAfter }
const object = (properties: Json, optional: string[] = []): Json => ({
  type: 'object', properties, required: Object.keys(properties).filter((it) => !optional.includes(it)), additionalProperties: false,
})
const mapOf = (schema: Json): Json => ({ type: 'object', additionalProperties: schema })
const integer: Json = { type: 'integer' }
const count: Json = { type: 'integer', minimum: 0 }
const text: Json = { type: 'string' }
const time: Json = { type: 'string', format: 'date-time' }

/** The description at `/openapi.json` (OpenAPI 3.1). Tests compare its paths with the routes and its answers with real ones. `limited`: customers have a rate limit. `more`: what the architecture adds. */
export function openApi(architecture: string, accepted: 201 | 202, limited = false, more?: Description): Json {
  const says = accepted === 201 ? 'Stored.' : 'Handed to the broker; stored soon. The same answer for an id that is stored already.'
  const posted = (schema: Json): Json => ({
    [accepted]: json(schema, says),
    400: failure('A field, or the JSON, is wrong; of a batch every failing index is named.'),
    413: failure('The body is too large.'),
    415: failure('The content type or encoding is not supported.'),
    ...(limited && { 429: tooMany }),
    503: retryLater,
    504: failure('The broker did not answer: it may have been written. Send it again with the same id.'),
  })
  return {
    openapi: '3.1.0',
    info: { title: `Coffee orders, architecture ${architecture}`, version: '1.0.0' },
    paths: {
      [`/api/${architecture}/order`]: {
        post: { summary: 'One order', requestBody: { required: true, content: { 'application/json': { schema: ref('Order') } } }, responses: posted(ref('Accepted')) },
      },
      [`/api/${architecture}/orders`]: {
        post: {
          summary: `1 to ${MAX_BATCH} orders, all or nothing`,
          requestBody: {
            required: true,
            content: {
              'application/json': { schema: { type: 'array', items: ref('Order'), minItems: 1, maxItems: MAX_BATCH } },
              'application/x-ndjson': { schema: { type: 'string', description: 'One order a line.' } },
            },
          },
          responses: posted(ref('AcceptedBatch')),
        },
      },
      '/api/dashboard': { get: { summary: 'All events so far', responses: { 200: json(ref('Dashboard'), 'The dashboard.'), 503: retryLater } } },
      '/api/analytics': {
        get: {
          summary: 'Figures over a span of order timestamps, from inclusive, to exclusive',
          parameters: [
            { name: 'from', in: 'query', schema: time, description: '24 hours before `to` by default.' },
            { name: 'to', in: 'query', schema: time, description: 'Now by default.' },
            { name: 'by', in: 'query', schema: { enum: ['product', 'store', 'type', 'hour'], default: 'product' } },
          ],
          responses: { 200: json({ type: 'array', items: ref('AnalyticsRow') }, 'One row a key, ordered by key.'), 400: failure('A parameter is wrong.'), 503: retryLater },
        },
      },
      '/ws/dashboard': {
        get: {
          summary: 'WebSocket: the dashboard, pushed when it changed, at most ten times a second; send {"type":"full"} for a whole one',
          responses: { 101: { description: 'Messages are SocketMessage.' }, ...(more?.securitySchemes && { 401: failure('No valid token: in `Authorization`, or from a browser as the subprotocols `lab.dashboard, bearer.<token>`. A socket whose token ends is closed with 4401.') }), 403: { description: 'The Origin is another host.' } },
        },
      },
      '/': { get: { summary: 'A live page', responses: { 200: { description: 'HTML.' } } } },
      '/metrics': { get: { summary: 'Prometheus metrics of this process', responses: { 200: { description: 'Text exposition format.' } } } },
      '/livez': { get: { summary: 'Does the process answer?', responses: { 200: { description: 'It does.' } } } },
      '/readyz': { get: { summary: 'Is an order likely to be accepted?', responses: { 200: { description: 'It is.' }, 503: failure('Why not.') } } },
      '/openapi.json': { get: { summary: 'This', responses: { 200: { description: 'OpenAPI 3.1.' } } } },
      ...more?.paths,
    },
    components: { schemas: { ...schemas(), ...more?.schemas }, ...(more?.securitySchemes && { securitySchemes: more.securitySchemes }) },
  }
}

function schemas(): Json {
  const dashboard: Json = {
    version: count, asOf: time, count, revenueCents: count,
    byProduct: mapOf(ref('Tally')), byStore: mapOf(ref('Tally')), byType: mapOf(ref('Tally')), byHour: mapOf(ref('Tally')),
    top: { type: 'array', maxItems: 5, items: object({ product: text, count, revenueCents: count }) },
  }
  const maps = ['byProduct', 'byStore', 'byType', 'byHour']
  return {
    Order: object({
      id: { type: 'string', format: 'uuid' },
      type: { enum: ORDER_TYPES },
      store: { enum: STORES },
      product: { enum: PRODUCTS },
      amount: { type: 'number', minimum: 0, maximum: MAX_AMOUNT_CENTS / 100, multipleOf: 0.01, description: '0 unless the type is order_placed.' },
      timestamp: { ...time, pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$', description: 'From 2020-01-01 to five minutes from now.' },
    }),
    Accepted: object({ id: { type: 'string', format: 'uuid' } }),
    AcceptedBatch: object({ count, ids: { type: 'array', items: { type: 'string', format: 'uuid' } } }),
    Tally: object({ count, revenueCents: count }),
    Dashboard: object(dashboard),
    AnalyticsRow: object({ key: text, count, revenueCents: count, avgCents: { type: 'number' }, minCents: count, maxCents: count }),
    SocketMessage: { oneOf: [object({ kind: { const: 'full' }, ...dashboard }), object({ kind: { const: 'diff' }, from: integer, ...dashboard }, maps)] },
    Error: object({
      error: text, field: text, index: integer, retryAfterS: integer,
      errors: { type: 'array', items: object({ index: integer, field: text, error: text }, ['field']) },
    }, ['field', 'index', 'retryAfterS', 'errors']),
  }
}
