import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { counter, gauge, metricsType, renderMetrics, renderOwnMetrics, serveMetrics } from '../metrics.ts'
import { post } from './exporter.ts'
import { decodeSpans } from './otlp.ts'
import type { Span } from './span.ts'

/** About 40 MB. Whoever reads comes once a second. */
const MAX_SPANS = 100_000
const MAX_BODY_BYTES = 8 * 1024 * 1024
const JSON_TYPE = 'application/json'

/** What a reader gets: spans, one a line, and in headers how many were dropped on the way so far, by the senders and here. */
export const DROPPED_HEADER = 'x-lab-spans-dropped'

/**
 * Takes spans from the services (`POST /v1/traces`, OTLP over HTTP in JSON), keeps them for the lab (`GET /spans`, which takes them away) and
 * hands them on to a store of traces where there is one. Beside it, what the lab knows of the run (`PUT /run-metrics`) is shown on `/metrics`,
 * so that Prometheus finds it in the system's own network wherever the lab is. `/targets` is where processes tell their metrics, for a Prometheus
 * that cannot find them by name (`PUT` by the lab, in the form of Prometheus' HTTP service discovery).
 */
export async function startCollector(env: Record<string, string | undefined>, log: (line: string) => void): Promise<AsyncDisposable & { port: number }> {
  const host = env['LAB_HOST'] ?? '127.0.0.1'
  const forward = env['LAB_FORWARD_OTLP'] || undefined
  let spans: Span[] = []
  let received = 0
  let droppedHere = 0
  let notForwarded = 0
  let runMetrics = ''
  let targets = '[]'
  const droppedBy = new Map<string, number>()
  const dropped = () => [...droppedBy.values()].reduce((sum, it) => sum + it, droppedHere)
  counter('lab_spans_received_total', 'Spans taken from services.', () => received)
  counter('lab_collector_spans_dropped_total', 'Spans for which there was no room, in services and here.', dropped)
  counter('lab_spans_not_forwarded_total', 'Spans that the store of traces did not take.', () => notForwarded)
  gauge('lab_spans_held', 'Spans that nobody has fetched yet.', () => spans.length)

  function take(body: string): void {
    for (const { instance, service, dropped: lost, spans: theirs } of decodeSpans(body)) {
      received += theirs.length
      const room = Math.max(0, MAX_SPANS - spans.length)
      spans.push(...theirs.slice(0, room))
      droppedHere += Math.max(0, theirs.length - room)
      droppedBy.set(`${service} ${instance}`, lost)
      if (forward !== undefined) {
        void post(`${forward.replace(/\/+$/, '')}/v1/traces`, body).then((problem) => {
          if (problem !== undefined && notForwarded === 0) log(`traces are not forwarded: ${problem}`)
          if (problem !== undefined) notForwarded += theirs.length
        })
      }
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const what = `${request.method} ${request.url?.split('?', 1)[0]}`
    if (what === 'POST /v1/traces') {
      if (request.headers['content-type']?.split(';', 1)[0] !== JSON_TYPE) return reply(response, 415, `expected ${JSON_TYPE}: OTLP in protobuf is not read here`)
      take(await bodyOf(request))
      return reply(response, 200, '{}', JSON_TYPE)
    }
    if (what === 'PUT /run-metrics') {
      runMetrics = await bodyOf(request)
      return reply(response, 204, '')
    }
    if (what === 'PUT /targets') {
      targets = await bodyOf(request)
      return reply(response, 204, '')
    }
    if (what === 'GET /targets') return reply(response, 200, targets, JSON_TYPE)
    if (what === 'GET /spans') {
      const taken = spans
      spans = []
      response.setHeader(DROPPED_HEADER, dropped())
      return reply(response, 200, taken.map((span) => `${JSON.stringify(span)}\n`).join(''), 'application/x-ndjson')
    }
    if (what === 'GET /metrics') {
      const own = request.url!.endsWith('?only=lab') ? await renderOwnMetrics() : `${await renderMetrics()}${runMetrics}`
      return reply(response, 200, own, metricsType)
    }
    if (what === 'GET /livez' || what === 'GET /readyz') return reply(response, 200, 'ok\n')
    return reply(response, 404, `there is nothing at ${what}`)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => reply(response, 400, error instanceof Error ? error.message : String(error)))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(Number(env['OTLP_PORT'] ?? 4318), host, resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  // In a container all services of ours tell of themselves on the same port.
  const metricsPort = Number(env['METRICS_PORT'] ?? 0)
  const metrics = metricsPort > 0 ? await serveMetrics(host, metricsPort) : undefined
  log(`ready, metrics on port ${metrics?.port ?? port}`)
  return {
    port,
    async [Symbol.asyncDispose]() {
      await metrics?.[Symbol.asyncDispose]()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function reply(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  if (response.headersSent) return
  response.writeHead(status, { 'content-type': type }).end(text)
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > MAX_BODY_BYTES) throw new Error(`the body is larger than ${MAX_BODY_BYTES} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}
