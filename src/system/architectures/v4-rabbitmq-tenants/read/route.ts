import type { FastifyInstance } from 'fastify'
import { readAnalyticsQuery } from '../../../analytics-query.ts'
import type { Access } from '../tenancy/access.ts'
import type { Reads } from './reads.ts'

/** `GET /analytics`: the answers of `/api/analytics` at the address that v4's customers know. */
export function analyticsRoute(app: FastifyInstance, access: Pick<Access, 'byToken'>, reads: Pick<Reads, 'of'>): void {
  app.get('/analytics', async (request, reply) => {
    const reader = reads.of(await access.byToken(request.raw))
    const query = readAnalyticsQuery(request.query as Record<string, unknown>, Date.now())
    return reply.type('application/json; charset=utf-8').send(JSON.stringify(await reader.analytics(query)))
  })
}
