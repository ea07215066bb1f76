import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import type pg from 'pg'
import { z } from 'zod'
import type { Description } from '../../../architecture.ts'
import type { Access } from './access.ts'
import { serve, type Endpoint } from './endpoint.ts'
import { keyEndpoints } from './endpoints/keys.ts'
import { memberEndpoints } from './endpoints/members.ts'
import { projectEndpoints } from './endpoints/projects.ts'
import { sessionEndpoints } from './endpoints/sessions.ts'
import { workspaceEndpoints } from './endpoints/workspaces.ts'
import { createFailedLogins } from './failed-logins.ts'
import { createIdentity } from './identity.ts'
import { createPasswords } from './passwords.ts'
import { ROLES } from './roles.ts'
import type { Services } from './services.ts'

export function tenancyEndpoints(services: Services): Endpoint[] {
  return [sessionEndpoints, workspaceEndpoints, projectEndpoints, memberEndpoints, keyEndpoints].flatMap((it) => it(services))
}

/** Users, workspaces, projects, members and API keys. `redis`: where failed logins are counted; without it each process counts its own. */
export function tenancyRoutes(app: FastifyInstance, access: Access, pool: pg.Pool, { redis, log }: { redis?: Redis; log(line: string): void }): void {
  const services = { access, pool, identity: createIdentity(pool), passwords: createPasswords(), failedLogins: createFailedLogins(redis), log }
  for (const it of tenancyEndpoints(services)) serve(app, access, it)
}

type Json = Record<string, unknown>
const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })
const json = (schema: Json, description: string): Json => ({ description, content: { 'application/json': { schema } } })
const object = (properties: Json): Json => ({ type: 'object', properties, required: Object.keys(properties), additionalProperties: false })
const listOf = (schema: Json): Json => ({ type: 'array', items: schema })
const text: Json = { type: 'string' }
const number: Json = { type: 'integer', minimum: 1 }
const role: Json = { enum: ROLES }
const time: Json = { type: 'string', format: 'date-time' }

/** The same endpoints for `/openapi.json`. */
export function tenancyDescription(): Description {
  const paths: Record<string, Json> = {}
  // Described, never run.
  for (const it of tenancyEndpoints({} as Services)) {
    const path = it.path.replace(':id', '{id}')
    paths[path] = { ...paths[path], [it.method.toLowerCase()]: describe(it) }
  }
  return {
    paths,
    schemas: schemas(),
    securitySchemes: {
      token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'From `POST /v1/login`; 15 minutes, one workspace.' },
      key: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'From `POST /v1/api-keys`.' },
    },
  }
}

function describe(it: Endpoint): Json {
  const says = {
    400: 'A field, or the JSON, is wrong.',
    503: 'PostgreSQL is away; nothing was written.',
    ...(it.may !== undefined && { 401: 'No token, or one that is not valid (any more).', 403: 'Your role may not.' }),
    ...(it.body && { 413: 'The body is larger than 4 KiB.', 415: 'Not application/json.' }),
    ...(it.method !== 'GET' && { 504: 'PostgreSQL did not answer to the end: it may have been written.' }),
    ...it.also,
  }
  const success = it.answer === undefined ? { description: 'Done.' } : json(ref(it.answer), 'As asked.')
  return {
    summary: it.summary,
    security: it.may === undefined ? [] : [{ token: [] }],
    ...(it.path.includes(':id') && { parameters: [{ name: 'id', in: 'path', required: true, schema: number }] }),
    ...(it.body && { requestBody: { required: true, content: { 'application/json': { schema: z.toJSONSchema(it.body, { io: 'input' }) } } } }),
    responses: { [it.status]: success, ...Object.fromEntries(Object.entries(says).map(([status, why]) => [status, json(ref('Error'), why)])) },
  }
}

function schemas(): Record<string, Json> {
  const workspace = { id: number, slug: text, name: text }
  const key = { id: number, project: number, name: text, prefix: text, createdAt: time }
  return {
    SignedUp: object({ user: number, workspace: ref('Workspace') }),
    Session: object({ token: text, expiresInS: number, workspace: object(workspace), role }),
    Workspace: object({ ...workspace, role }),
    Workspaces: listOf(ref('Workspace')),
    Project: object({ id: number, name: text }),
    Projects: listOf(ref('Project')),
    Member: object({ user: number, email: text, role }),
    Members: listOf(ref('Member')),
    MemberRole: object({ user: number, role }),
    ApiKeys: listOf(object({ ...key, revokedAt: { type: ['string', 'null'], format: 'date-time' } })),
    NewApiKey: object({ ...key, key: text }),
  }
}
