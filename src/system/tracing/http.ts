import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { RequestTrace, Tracer } from './tracer.ts'

const traces = new WeakMap<FastifyRequest, RequestTrace>()

/** From here on requests that the framework serves have a trace; none have where this process does not trace. */
export function traceRequests(app: FastifyInstance, tracer: Tracer | undefined): void {
  if (tracer === undefined) return
  app.addHook('onRequest', async (request) => {
    if (request.method === 'POST') traces.set(request, tracer.arrived(request.headers['traceparent'] as string | undefined))
  })
  app.addHook('onResponse', async (request, reply) => traces.get(request)?.ended(reply.statusCode < 300))
}

export function traceOf(request: FastifyRequest): RequestTrace | undefined {
  return traces.get(request)
}
