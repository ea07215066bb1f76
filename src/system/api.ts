import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { ListenOptions } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { readAnalyticsQuery } from './analytics-query.ts'
import type { Architecture, Backend, Reader } from './architecture.ts'
import type { Context } from './context.ts'
import { countRefusal, createMeter, exposeMeter, metricsType, renderMetrics, type Meter } from './metrics.ts'
import { openApi } from './openapi.ts'
import { isMediaType, orderEndpoint, sendError } from './order-endpoint.ts'
import page from './page.html?raw'
import { answerFor, CHALLENGE, Refusal } from './problem.ts'
import { recycleConnections } from './recycling.ts'
import { serveSockets } from './sockets.ts'
import { traceOf, traceRequests } from './tracing/http.ts'
import { parseBatch } from './validation.ts'

export const BATCH_LIMIT_BYTES = 512 * 1024
const NDJSON = 'application/x-ndjson'
/** Node waits a minute for headers and five for a request, and caps nothing. */
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  /** Longer than clients and proxies keep an idle connection, so that it is not closed under a request on its way. */
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 8 * 1024,
}
const MAX_CONNECTIONS = 12_000
const STOP_WITHIN_MS = 3_000
/** Of a replica that others stand in for. Longer than clients of the usual kind keep a connection idle. */
const DRAIN_WITHIN_MS = 4_500

export interface Api extends AsyncDisposable {
  /** Where it listens. */
  url: string
  /** Of this replica, whichever of them the kernel would hand a request to. */
  ready(): boolean
}

export interface ApiOptions {
  /** With `autoscale=on`: after how long a connection is ended with an answer, ms. */
  recycleAfterMs?: number
  /** Publish the meter in the registry of the process, which has room for one. */
  exposed?: boolean
}

/** One API replica: every endpoint of the system over one backend. Port 0: any free one. */
export async function startApi(architecture: Architecture, context: Context, address: { host: string; port: number }, options: ApiOptions = {}): Promise<Api> {
  const { recycleAfterMs, exposed = true } = options
  const backend = await architecture.api(context)
  const meter = createMeter()
  if (exposed) exposeMeter(meter)
  const app = buildApp(architecture.id, backend, meter, context)
  const payload = context.knobs['payload'] === 'diff' ? 'diff' : 'full'
  const sockets = serveSockets(app.server, backend, { payload, meter, log: context.log, tracer: backend.showsUnstored ? undefined : context.tracer })
  const recycling = context.knobs['autoscale'] === 'on' ? recycleConnections(app.server, recycleAfterMs) : undefined
  // Replicas share one port; whoever starts them has made sure that it was free.
  const listening: ListenOptions = { ...address, reusePort: address.port !== 0 }
  const url = await app.listen(listening)
  return {
    url,
    ready: () => backend.ready().ok,
    async [Symbol.asyncDispose]() {
      const drained = recycling?.drain(DRAIN_WITHIN_MS)
      await sockets[Symbol.asyncDispose]()
      await drained
      const late = setTimeout(() => app.server.closeAllConnections(), recycling ? 0 : STOP_WITHIN_MS)
      await app.close()
      clearTimeout(late)
      await backend[Symbol.asyncDispose]()
    },
  }
}

/** Everything but the sockets, not listening yet. */
export function buildApp(id: string, backend: Backend, meter: Meter, context: Context): FastifyInstance {
  const orderPath = `/api/${id}/order`
  const order = orderEndpoint(backend, meter, context.log, context.tracer)
  const isOrder = ({ method, url = '' }: IncomingMessage) => method === 'POST' && (url === orderPath || url.startsWith(`${orderPath}?`))
  const app = fastify({
    bodyLimit: BATCH_LIMIT_BYTES,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, _request, reply) => sendError(reply.raw, error.statusCode ?? 400, { error: error.message }),
    serverFactory(handler) {
      const listener = (request: IncomingMessage, response: ServerResponse) => (isOrder(request) ? order(request, response) : handler(request, response))
      const server = createServer(LIMITS, listener)
      server.maxConnections = MAX_CONNECTIONS
      return server
    },
  })
  answerErrors(app, meter, context, { [orderPath]: 'POST' })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(['application/json', NDJSON], { parseAs: 'string' }, (_request, body, done) => done(null, body))

  traceRequests(app, context.tracer)
  app.post(`/api/${id}/orders`, { onRequest: async (request) => backend.identify?.(request.raw) }, async (request, reply) => {
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') throw new Refusal(415, { error: 'content-encoding is not supported: send the body as it is' })
    const trace = traceOf(request)
    trace?.readBody()
    const orders = parseBatch(String(request.body ?? ''), isMediaType(request.headers['content-type'], NDJSON), Date.now())
    const sender = await backend.admit?.(request.raw, orders.length)
    trace?.validated(orders)
    await backend.publish(orders, sender ?? undefined)
    meter.accepted += orders.length
    return sendJson(reply.code(backend.accepted), `{"count":${orders.length},"ids":${JSON.stringify(orders.map((it) => it.id))}}`)
  })
  const readerFor = async (request: FastifyRequest): Promise<Reader> => (await backend.view?.(request.raw)) ?? backend
  app.get('/api/dashboard', async (request, reply) => sendJson(reply, JSON.stringify(await (await readerFor(request)).dashboard())))
  app.get('/api/analytics', async (request, reply) => {
    const reader = await readerFor(request)
    const query = readAnalyticsQuery(request.query as Record<string, unknown>, Date.now())
    return sendJson(reply, JSON.stringify(await reader.analytics(query)))
  })
  serveMeta(app, id, backend)
  backend.routes?.(app, meter)
  return app
}

/** What describes the service rather than the orders. */
function serveMeta(app: FastifyInstance, id: string, backend: Backend): void {
  const description = JSON.stringify(openApi(id, backend.accepted, backend.admit !== undefined, backend.describes))
  const html = page.replaceAll('{{arch}}', id)
  app.get('/', async (_request, reply) => reply
    .header('content-security-policy', "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'")
    .type('text/html; charset=utf-8').send(html))
  app.get('/openapi.json', async (_request, reply) => sendJson(reply, description))
  app.get('/metrics', async (_request, reply) => reply.type(metricsType).send(await renderMetrics()))
  app.get('/livez', async () => ({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    const ready = backend.ready()
    if (ready.ok) return { status: 'ready' }
    return reply.code(503).header('retry-after', 1).send({ error: ready.reason, retryAfterS: 1 })
  })
}

/** One shape for every error. `outside`: paths served in front of the framework, with their method. */
function answerErrors(app: FastifyInstance, meter: Meter, context: Context, outside: Record<string, string>): void {
  app.setErrorHandler((error, request, reply) => {
    const answer = answerFor(error)
    if (answer === undefined) context.log(`${request.method} ${request.url}: ${error instanceof Error ? error.stack : String(error)}`)
    if (request.method === 'POST') countRefusal(meter, answer?.status ?? 500)
    const body = answer?.body ?? { error: 'internal error' }
    if (body.retryAfterS !== undefined) reply.header('retry-after', body.retryAfterS)
    if (answer?.status === 401) reply.header('www-authenticate', CHALLENGE)
    return reply.code(answer?.status ?? 500).send(body)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!
    const allow = ['GET', 'POST', 'PATCH', 'DELETE'].filter((method) => outside[path] === method || app.hasRoute({ method, url: path }))
    if (allow.length > 0) return reply.code(405).header('allow', allow.join(', ')).send({ error: `${request.method} is not allowed here; allowed: ${allow.join(', ')}` })
    return reply.code(404).send({ error: `there is nothing at ${request.method} ${path.slice(0, 200)}; see /openapi.json` })
  })
}

function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(text)
}
