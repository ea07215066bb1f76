import type { IncomingMessage } from 'node:http'
import type { Backend, Description } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import { counter } from '../../metrics.ts'
import { connectPostgres } from '../../postgres/connect.ts'
import { Refusal } from '../../problem.ts'
import { createRateLimit, perMinute, type RateLimit } from '../../rate-limit.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import { isKey } from './ingest/message.ts'
import { createPublisher, type Sender } from './ingest/publisher.ts'
import { ingestDescription, ingestRoute } from './ingest/routes.ts'
import type { V4Knobs } from './knobs.ts'
import { createReads, exposeReads } from './read/reads.ts'
import { analyticsRoute } from './read/route.ts'
import { createAccess } from './tenancy/access.ts'
import { API_ACCOUNT } from './tenancy/accounts.ts'
import { tenancyDescription, tenancyRoutes } from './tenancy/routes.ts'

/** Connections for checking keys and members, which slow reads must not hold up. */
const CONNECTIONS = 4

/** What one API replica of v4 holds: who may do what, what publishes, what reads, and the limit of each workspace. */
export async function createBackend(context: Context<V4Knobs>): Promise<Backend> {
  const pool = connectPostgres(context, 'api-access', CONNECTIONS, undefined, API_ACCOUNT)
  const accounts = connectPostgres(context, 'api-accounts', CONNECTIONS, undefined, API_ACCOUNT)
  // A connection of its own: its answers are waited for before every order, and must not queue behind dashboards.
  const redis = connectRedis(context, 'api-limit')
  const access = createAccess(context, pool)
  const publisher = createPublisher(context)
  const reads = createReads(context)
  exposeReads(reads)
  const limit = limitWorkspaces(context, redis)

  async function admit(request: IncomingMessage, events: number): Promise<Sender> {
    const { workspace, project } = await access.byKey(request)
    const idempotencyKey = keyOf(request, events)
    await limit?.take(`workspace:${workspace}`, events)
    return { workspace, project, idempotencyKey }
  }

  const backend: Backend = {
    accepted: 202,
    admit,
    identify: async (request) => void (await access.byKey(request)),
    publish: (orders, sender) => publisher.publish(orders, sender as Sender),
    ready: publisher.ready,
    view: async (request) => reads.of(await access.byToken(request)),
    // Nobody sees everything without a right to it: every way here goes by `view`.
    dashboard: () => reads.everybody.dashboard(),
    analytics: (query) => reads.everybody.analytics(query),
    onChange: (listener) => reads.everybody.onChange(listener),
    describes: merged(ingestDescription(), tenancyDescription()),
    routes(app, meter) {
      ingestRoute(app, backend, meter)
      tenancyRoutes(app, access, accounts, { redis, log: context.log })
      analyticsRoute(app, access, reads)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([publisher[Symbol.asyncDispose](), reads[Symbol.asyncDispose](), closeRedis(redis)])
      await Promise.all([pool.end(), accounts.end()])
    },
  }
  return backend
}

/** The Idempotency-Key of a request, where it has one: only a single event can have another key than its id. */
function keyOf(request: IncomingMessage, events: number): string | undefined {
  const key = request.headers['idempotency-key']
  if (key === undefined) return undefined
  if (!isKey(key)) throw new Refusal(400, { error: 'Idempotency-Key must be 1 to 255 visible ASCII characters', field: 'Idempotency-Key' })
  if (events > 1) throw new Refusal(400, { error: 'Idempotency-Key goes with a single order; in a batch the id of each is its key', field: 'Idempotency-Key' })
  return key
}

function limitWorkspaces({ knobs }: Context<V4Knobs>, redis: ReturnType<typeof connectRedis>): RateLimit | undefined {
  const perMinuteEach = perMinute(knobs.rateLimit)
  if (perMinuteEach === undefined) return undefined
  const limit = createRateLimit(redis, perMinuteEach)
  counter('lab_rate_limited_total', 'Order requests refused as their workspace had sent enough.', limit.limited)
  counter('lab_rate_limit_open_total', 'Order requests let through as nobody knew what their workspace had sent.', limit.open)
  return limit
}

function merged(...descriptions: Description[]): Description {
  return {
    paths: Object.assign({}, ...descriptions.map((it) => it.paths)) as Record<string, unknown>,
    schemas: Object.assign({}, ...descriptions.map((it) => it.schemas)) as Record<string, unknown>,
    securitySchemes: Object.assign({}, ...descriptions.map((it) => it.securitySchemes)) as Record<string, unknown>,
  }
}
