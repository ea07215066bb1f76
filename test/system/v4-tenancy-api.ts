import type { FastifyInstance } from 'fastify'
import type pg from 'pg'
import { buildApp } from '../../src/system/api.ts'
import type { Backend } from '../../src/system/architecture.ts'
import { loadArchitecture } from '../../src/system/architectures/index.ts'
import createIdentity from '../../src/system/architectures/v4-rabbitmq-tenants/sql/create-identity.sql?raw'
import { createAccess, type Access } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/access.ts'
import { API_ACCOUNT } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/accounts.ts'
import { createPasswords } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/passwords.ts'
import type { Role } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/roles.ts'
import { tenancyDescription, tenancyRoutes } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/routes.ts'
import { makeTenants } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/tenants.ts'
import { signToken } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/tokens.ts'
import { createMeter } from '../../src/system/metrics.ts'
import { connectPostgres } from '../../src/system/postgres/connect.ts'
import { closeRedis, connectRedis } from '../../src/system/redis.ts'
import { startStores, type Stores } from './v4-stores.ts'

export interface Reply {
  status: number
  body: Record<string, unknown> & { error?: string }
  list: Record<string, unknown>[]
  text: string
  headers: Headers
}

export interface Somebody {
  user: number
  email: string
  password: string
  token: string
}

/** The endpoints of tenancy, served for real on PostgreSQL and Redis, in this process. */
export interface TenancyApi extends AsyncDisposable {
  stores: Stores
  /** Connections of the account that owns everything. */
  owner: pg.Pool
  pool: pg.Pool
  access: Access
  app: FastifyInstance
  url: string
  /** Keys, tokens and passwords that were made: none of them may ever be in a log. */
  secrets: string[]
  call(method: string, path: string, token?: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>
  /** A workspace with a project, made past the API. */
  workspace(slug: string): Promise<{ workspace: number; project: number }>
  /** A user with a password and a role in a workspace, made past the API; tokens of its own. */
  somebody(workspace: number, role: Role): Promise<Somebody>
}

export const PASSWORD = 'a horse that is correct'

export async function startTenancyApi(): Promise<TenancyApi> {
  const stores = await startStores()
  const owner = connectPostgres(stores.context, 'owner', 2)
  await owner.query(createIdentity)
  await makeTenants(await stores.connect(), 3)
  const pool = connectPostgres(stores.context, 'api-access', 4, undefined, API_ACCOUNT)
  const redis = connectRedis(stores.context, 'api-limit')
  const access = createAccess(stores.context, pool)
  const nothing = await (await loadArchitecture('null')).api(stores.context as never)
  const backend: Backend = { ...nothing, describes: tenancyDescription(), routes: (app) => tenancyRoutes(app, access, pool, { redis, log: stores.context.log }) }
  const app = buildApp('null', backend, createMeter(), stores.context)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const secrets = [PASSWORD]
  const passwordHash = await createPasswords().hash(PASSWORD)
  let people = 0

  return {
    stores, owner, pool, access, app, url, secrets,
    async call(method, path, token, body, headers = {}) {
      const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...(text !== undefined && { 'content-type': 'application/json' }), ...headers },
        body: text,
        signal: AbortSignal.timeout(30_000),
      })
      const answer = await response.text()
      const parsed = answer.startsWith('{') || answer.startsWith('[') ? (JSON.parse(answer) as unknown) : {}
      const made = parsed as { token?: string; key?: string }
      secrets.push(...[made.token, made.key].filter((it) => it !== undefined))
      return { status: response.status, body: parsed as Reply['body'], list: parsed as Reply['list'], text: answer, headers: response.headers }
    },
    async workspace(slug) {
      const { rows } = await owner.query<{ workspace: number; project: number }>(
        'WITH w AS (INSERT INTO workspaces (slug, name) VALUES ($1, $1) RETURNING id) INSERT INTO projects (workspace_id, name) SELECT id, \'orders\' FROM w RETURNING workspace_id AS workspace, id AS project', [slug],
      )
      return rows[0]!
    },
    async somebody(workspace, role) {
      const email = `p${(people += 1)}@example.org`
      const { rows } = await owner.query<{ id: number }>('INSERT INTO users (email, password_hash) VALUES ($1, $2) RETURNING id', [email, passwordHash])
      const user = rows[0]!.id
      await owner.query('INSERT INTO memberships (workspace_id, user_id, role) VALUES ($1, $2, $3)', [workspace, user, role])
      const token = await signToken(access.signingKeys, { audience: 'workspace', user, workspace, role })
      secrets.push(token)
      return { user, email, password: PASSWORD, token }
    },
    async [Symbol.asyncDispose]() {
      await app.close()
      await nothing[Symbol.asyncDispose]()
      await closeRedis(redis)
      await Promise.all([pool.end(), owner.end()])
      await stores[Symbol.asyncDispose]()
    },
  }
}
