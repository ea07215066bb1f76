import type { FastifyInstance } from 'fastify'
import type { Backend, Description } from '../../../architecture.ts'
import type { Meter } from '../../../metrics.ts'
import { isMediaType } from '../../../order-endpoint.ts'
import { Refusal } from '../../../problem.ts'
import { traceOf } from '../../../tracing/http.ts'
import { parseBatch, parseOrder } from '../../../validation.ts'

const NDJSON = 'application/x-ndjson'

/** `POST /v1/ingest`: one event or an array of them, as at the order endpoints, whose checks and answers it has. */
export function ingestRoute(app: FastifyInstance, backend: Pick<Backend, 'accepted' | 'admit' | 'identify' | 'publish'>, meter: Meter): void {
  app.post('/v1/ingest', { onRequest: async (request) => backend.identify?.(request.raw) }, async (request, reply) => {
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') throw new Refusal(415, { error: 'content-encoding is not supported: send the body as it is' })
    const trace = traceOf(request)
    trace?.readBody()
    const text = String(request.body ?? '')
    const lines = isMediaType(request.headers['content-type'], NDJSON)
    const isBatch = lines || /^\s*\[/.test(text)
    const orders = isBatch ? parseBatch(text, lines, Date.now()) : [parseOrder(Buffer.from(text), Date.now())]
    const sender = await backend.admit!(request.raw, orders.length)
    trace?.validated(orders)
    await backend.publish(orders, sender ?? undefined)
    meter.accepted += orders.length
    return reply.code(backend.accepted).send(isBatch ? { count: orders.length, ids: orders.map((it) => it.id) } : { id: orders[0]!.id })
  })
}

/** Adds `POST /v1/ingest` to what `/openapi.json` says; its schemas are there. */
export function ingestDescription(): Description {
  const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
  const json = (schema: unknown, description: string) => ({ description, content: { 'application/json': { schema } } })
  const failure = (description: string) => json(ref('Error'), description)
  const batch = { type: 'array', items: ref('Order'), minItems: 1, maxItems: 1_000 }
  return {
    paths: {
      '/v1/ingest': {
        post: {
          summary: 'One order, or 1 to 1000 of them, all or nothing',
          security: [{ apiKey: [] }],
          parameters: [{
            name: 'Idempotency-Key', in: 'header', schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
            description: 'With a single order: sent again with the same key it is stored once, and with other content put aside. Its id by default.',
          }],
          requestBody: {
            required: true,
            content: { 'application/json': { schema: { oneOf: [ref('Order'), batch] } }, 'application/x-ndjson': { schema: { type: 'string', description: 'One order a line.' } } },
          },
          responses: {
            202: json({ oneOf: [ref('Accepted'), ref('AcceptedBatch')] }, 'RabbitMQ has it; stored soon.'),
            400: failure('A field, the JSON, or the Idempotency-Key is wrong.'), 401: failure('No valid API key.'), 403: failure('The key may not send.'),
            413: failure('The body is too large.'), 415: failure('The content type or encoding is not supported.'),
            429: failure('The workspace has sent more events than its limit allows; nothing was written.'),
            503: failure('RabbitMQ is away, or the queue is full; nothing was written.'), 504: failure('RabbitMQ did not confirm: it may have been written.'),
          },
        },
      },
    },
  }
}
