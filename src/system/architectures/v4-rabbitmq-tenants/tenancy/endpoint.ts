import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z, ZodObject } from 'zod'
import { isMediaType } from '../../../order-endpoint.ts'
import { Refusal } from '../../../problem.ts'
import { memberWho, type Access, type Member } from './access.ts'
import { readBody } from './body.ts'
import type { MAY } from './roles.ts'

const BODY_LIMIT_BYTES = 4 * 1024
const NUMBER = /^[1-9]\d{0,9}$/

/** One request that was let in, with all that it may say. */
export interface Call<Body> {
  body: Body
  /** The number in the path; 0 where there is none. */
  id: number
  /** Who asks. */
  member: Member
  /** From where: for the record. */
  address: string
}

export interface Outcome {
  status: 200 | 201 | 204
  body?: unknown
}

/** One endpoint, as data: what is served and what is described are made from the same. */
export interface Endpoint<Body extends ZodObject = ZodObject> {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** With `:id` where a number stands. */
  path: string
  summary: string
  /** Who may; undefined: anybody, with no token. */
  may: keyof typeof MAY | undefined
  body?: Body
  status: Outcome['status']
  /** Name of the schema of its answer. */
  answer?: string
  /** Statuses beside those that all have, and why. */
  also?: Record<number, string>
  run(call: Call<z.infer<Body>>): Promise<unknown>
}

/** For the type of the body: an array of endpoints forgets it. */
export function endpoint<Body extends ZodObject>(it: Endpoint<Body>): Endpoint {
  return it as unknown as Endpoint
}

/** Nothing here is for a cache, and nothing to be guessed at by a browser. */
const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

export function serve(app: FastifyInstance, access: Access, it: Endpoint): void {
  app.route({
    method: it.method,
    url: it.path,
    bodyLimit: BODY_LIMIT_BYTES,
    // Before the body is read: who may not, need not send one.
    async onRequest(request, reply) {
      reply.headers(HEADERS)
      if (Object.keys(request.query as object).length > 0) throw new Refusal(400, { error: `${it.method} ${it.path} has no query parameters` })
      if (it.may !== undefined) admitted.set(request, await admit(access, request, it))
    },
    async handler(request, reply) {
      const body = it.body === undefined ? nothing(request.body) : readBody(it.body, jsonOf(request))
      const member = admitted.get(request)
      const answer = await it.run({ body, id: numberOf(request), member: member!, address: request.ip })
      return answered(reply, it.status, answer)
    },
  })
}

const admitted = new WeakMap<FastifyRequest, Member>()

/** What changes something asks the database itself: a role that was taken away a second ago changes nothing any more. */
async function admit(access: Access, request: FastifyRequest, { method, may }: Endpoint): Promise<Member> {
  const member = memberWho(await access.byToken(request.raw), 'read')
  return memberWho(method === 'GET' ? member : await access.again(member), may!)
}

function answered(reply: FastifyReply, status: number, body: unknown): FastifyReply {
  return status === 204 ? reply.code(204).send() : reply.code(status).send(body)
}

function jsonOf(request: FastifyRequest): unknown {
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') throw new Refusal(415, { error: 'content-encoding is not supported: send the body as it is' })
  if (!isMediaType(request.headers['content-type'], 'application/json')) throw new Refusal(415, { error: 'expected content-type application/json' })
  return request.body
}

function nothing(body: unknown): Record<string, never> {
  if (typeof body === 'string' && body.trim() !== '') throw new Refusal(400, { error: 'no body is expected here' })
  return {}
}

/** What is no number of ours names nothing that there is. */
function numberOf(request: FastifyRequest): number {
  const { id } = request.params as { id?: string }
  if (id === undefined) return 0
  const number = NUMBER.test(id) ? Number(id) : NaN
  if (!(number <= 0x7fff_ffff)) throw notFound()
  return number
}

/** The same for what is not there and for what is somebody else's. */
export function notFound(): Refusal {
  return new Refusal(404, { error: 'there is no such thing in your workspace' })
}
