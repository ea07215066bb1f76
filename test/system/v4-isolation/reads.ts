import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Redis } from 'ioredis'
import type pg from 'pg'
import type { AnalyticsRow, DeadLetter } from '../../../src/system/architecture.ts'
import { answerKey, dashboardKey, EVERYBODY, idempotencyKey } from '../../../src/system/architectures/v4-rabbitmq-tenants/names.ts'
import type { Dashboard } from '../../../src/system/dashboard.ts'
import { ORDER_TYPES, PRODUCTS, STORES, type Order } from '../../../src/system/event.ts'
import { dashboardFromTotals, type TotalsRow } from '../../../src/system/postgres/totals.ts'
import { expectedDashboard, withoutMoment } from '../orders.ts'
import { idAt, IDS, SHARED_KEYS, type ReadCase } from './cases.ts'
import { aggregationOf, analyticsOf, contentOf, fingerprintOf, type Question } from './model.ts'
import { ask, bearer, type Role, type Tenant } from './tenants.ts'
import { differenceOf, unexpected } from './writes.ts'

/** What reads are made of and compared with, while nothing is written. */
export interface World {
  url: string
  tenants: readonly Tenant[]
  operator: Record<string, string>
  redis: Redis
  /** As the owner of the tables. */
  owner: pg.Pool
  /** As `lab_api`. */
  api: pg.Pool
  letters: readonly DeadLetter[]
  /** What each workspace's rollups must be. */
  rolledUp: ReadonlyMap<Tenant, ReadonlySet<string>>
  kept: Map<string, Kept>
}

/** An answer that was given once and is good for five minutes, whatever has come since. */
export interface Kept {
  workspace: number
  asked: string
  rows: AnalyticsRow[]
  atMs: number
}

const TOTALS = 'SELECT dimension, key, count::float8 AS count, revenue_cents::float8 AS revenue_cents FROM totals WHERE workspace_id = $1'
const AGGREGATIONS = `
  SELECT dimension, hour, key, count::float8 AS count, revenue_cents::float8 AS revenue, min_cents AS min, max_cents AS max
  FROM event_aggregations WHERE workspace_id = $1`
const CHANGED = 'the same key came with another payload'
/** Nearly as long as the system keeps it. */
const KEPT_MS = 270_000

/** Reads, compares with what the workspace alone must see, and returns what is wrong. */
export async function read(world: World, it: ReadCase): Promise<string | undefined> {
  const tenant = world.tenants[it.who % world.tenants.length]!
  const problem = await READS[it.kind](world, tenant, it)
  return problem && `workspace ${tenant.workspace} (${tenant.slug}): ${it.kind}: ${problem}`
}

type Reading = (world: World, tenant: Tenant, it: ReadCase) => Promise<string | undefined>

const tokenOf = ({ tokens }: Tenant, it: ReadCase) => tokens[it.token % tokens.length]!

const READS: Record<ReadCase['kind'], Reading> = {
  async dashboard({ url }, tenant, it) {
    const { status, body } = await ask(`${url}/api/dashboard`, 'GET', bearer(tokenOf(tenant, it).token))
    return same('GET /api/dashboard', 200, tenant.ledger.dashboard(), { status, body: status === 200 ? withoutMoment(body as Dashboard) : body })
  },

  analytics: (world, tenant, it) => analytics(world, tenant.workspace, bearer(tokenOf(tenant, it).token), it, () => tenant.ledger.analytics(it.question)),

  async everybody(world, _tenant, it) {
    const orders = () => world.tenants.flatMap(({ ledger }) => ledger.stored.map(({ order }) => order))
    if (it.other % 2 === 0) return await analytics(world, EVERYBODY, world.operator, it, () => analyticsOf(orders(), it.question))
    const { status, body } = await ask(`${world.url}/api/dashboard`, 'GET', world.operator)
    return same('GET /api/dashboard of the operator', 200, expectedDashboard(orders()), { status, body: status === 200 ? withoutMoment(body as Dashboard) : body })
  },

  projects: ({ url }, tenant, it) => list(url, '/v1/projects', tokenOf(tenant, it).token, tenant.projects),

  keys({ url }, tenant, it) {
    const shown = tenant.keys.map(({ text: _text, ...rest }) => ({ ...rest, revokedAt: null }))
    return list(url, '/v1/api-keys', tokenOf(tenant, it).token, shown, ['createdAt'])
  },

  async members({ url }, tenant, it) {
    const { token, role } = tokenOf(tenant, it)
    if (role === 'owner') return await list(url, '/v1/members', token, tenant.members.toSorted((a, b) => a.user - b.user))
    return same('GET /v1/members', 403, undefined, await ask(`${url}/v1/members`, 'GET', bearer(token)))
  },

  async workspaces({ url, tenants }, tenant, it) {
    const { token, user } = tokenOf(tenant, it)
    const roleIn = ({ members }: Tenant): Role | undefined => members.find((member) => member.user === user)?.role
    const own = tenants.filter(roleIn).map((one) => ({ id: one.workspace, slug: one.slug, name: 'Coffee', role: roleIn(one) }))
    return await list(url, '/v1/workspaces', token, own.sort((a, b) => a.id - b.id))
  },

  async 'not-mine'({ url, tenants }, tenant, it) {
    const { token, role, user } = tokenOf(tenant, it)
    const other = tenants[(it.who + 1 + (it.other % (tenants.length - 1))) % tenants.length]!
    if (other === tenant) return undefined
    const stranger = other.members.find((theirs) => tenant.members.every((own) => own.user !== theirs.user))?.user ?? 2_000_000_000
    const isGuestThere = other.members.some((it) => it.user === user)
    const [method, path, status, body] = ([
      ['DELETE', `/v1/projects/${other.projects[0]!.id}`, role === 'viewer' ? 403 : 404],
      ['DELETE', `/v1/api-keys/${other.keys[0]!.id}`, role === 'viewer' ? 403 : 404],
      ['POST', '/v1/api-keys', role === 'viewer' ? 403 : 404, { project: other.projects.at(-1)!.id, name: 'till' }],
      ['PATCH', `/v1/members/${stranger}`, role === 'owner' ? 404 : 403, { role: 'viewer' }],
      ['POST', '/v1/token', isGuestThere ? 200 : 403, { workspace: other.slug }],
    ] as const)[it.other % 5]!
    const headers = { ...bearer(token), ...(body !== undefined && { 'content-type': 'application/json' }) }
    const answer = await ask(`${url}${path}`, method, headers, body && JSON.stringify(body))
    if (answer.status === status) return undefined
    return `${method} ${path} ${JSON.stringify(body)} as ${role}: ${answer.status} ${JSON.stringify(answer.body)}, expected ${status}`
  },

  async shown({ redis }, tenant) {
    const { version, json } = await redis.hgetall(dashboardKey(tenant.workspace))
    const count = tenant.ledger.stored.length
    if (json === undefined) return count === 0 ? undefined : `Redis has no dashboard, expected one of ${count} events`
    if (version !== String(count)) return `version ${version}, expected ${count}`
    return different(dashboardKey(tenant.workspace), tenant.ledger.dashboard(), withoutMoment(JSON.parse(json) as Dashboard))
  },

  async answer({ redis, kept }, tenant, { question }) {
    const asked = askedOf(question)
    const key = keptKey(tenant.workspace, asked)
    const json = await redis.get(key)
    const own = kept.get(key)?.rows ?? tenant.ledger.analytics(question)
    return json === null ? undefined : different(key, { workspace: tenant.workspace, asked, rows: own }, JSON.parse(json))
  },

  async idempotency({ redis }, tenant, { other }) {
    const name = other % 2 === 0 ? `id:${idAt((other >> 1) % IDS)}` : `key:${SHARED_KEYS[(other >> 1) % SHARED_KEYS.length]!}`
    return falseClaim(tenant, name, await redis.get(idempotencyKey(tenant.workspace, name)))
  },

  async rows({ owner }, { workspace, ledger }) {
    const { rows } = await owner.query<OrderRow>({ name: 'rows', text: `SELECT ${ORDER_COLUMNS} FROM orders WHERE workspace_id = $1`, values: [workspace] })
    return different('rows of orders', ledger.stored.map(contentOf).sort(), rows.map(contentOfRow).sort())
  },

  async border({ api }, tenant, { other }) {
    const [table, expected] = ([
      ['orders', tenant.ledger.stored.length], ['projects', tenant.projects.length], ['api_keys', tenant.keys.length], ['memberships', tenant.members.length],
      ['totals', undefined], ['event_aggregations', undefined], ['dead_letters', tenant.ledger.dead.size],
    ] as const)[other % 7]!
    const client = await api.connect()
    try {
      await client.query(`BEGIN; SET LOCAL lab.workspace = ${tenant.workspace}`)
      const text = `SELECT workspace_id, count(*)::integer AS rows FROM ${table} GROUP BY workspace_id`
      const { rows } = await client.query<{ workspace_id: number; rows: number }>(text)
      const own = rows.find((row) => row.workspace_id === tenant.workspace)?.rows ?? 0
      const found = rows.map((row) => row.workspace_id).filter((it) => it !== tenant.workspace)
      return different(`lab_api without a filter sees of ${table}`, { own: expected ?? own, others: [] }, { own, others: found })
    } finally {
      await client.query('ROLLBACK')
      client.release()
    }
  },

  async totals({ owner, rolledUp }, tenant) {
    const { workspace, ledger } = tenant
    const totals = await owner.query<TotalsRow>(TOTALS, [workspace])
    const problem = different('totals', ledger.dashboard(), withoutMoment(dashboardFromTotals(totals.rows, 0)))
    if (problem !== undefined) return problem
    const { rows } = await owner.query<Parameters<typeof aggregationOf>[0]>(AGGREGATIONS, [workspace])
    return different('event_aggregations', [...rolledUp.get(tenant) ?? []].sort(), rows.map(aggregationOf).sort())
  },

  async 'dead-letters'({ letters }, { workspace, ledger }) {
    const own = letters.filter(({ owner }) => owner === String(workspace))
    const isRight = ({ id, reason, content }: DeadLetter) => id.startsWith(`${workspace}:${(content as Order).id}:changed:`) && reason === CHANGED
    const wrong = own.find((it) => !isRight(it))
    if (wrong !== undefined) return `a letter under the wrong name or reason: ${JSON.stringify(wrong)}`
    const text = (order: unknown) => contentOf({ order: order as Order, project: 0 })
    return different('dead letters', [...ledger.dead.values()].map(({ order }) => text(order)).sort(), own.map(({ content }) => text(content)).sort())
  },
}

async function analytics(
  world: World, workspace: number, headers: Record<string, string>, { question, short }: ReadCase, compute: () => AnalyticsRow[],
): Promise<string | undefined> {
  const { fromMs, toMs, by } = question
  const asked = askedOf(question)
  const key = keptKey(workspace, asked)
  const before = world.kept.get(key)
  const isOld = before !== undefined && Date.now() - before.atMs > KEPT_MS
  const now = before !== undefined && !isOld ? undefined : compute()
  const rows = before?.rows ?? now!
  if (before === undefined) world.kept.set(key, { workspace, asked, rows, atMs: Date.now() })
  const query = new URLSearchParams({ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), by })
  const path = `${short ? '' : '/api'}/analytics?${query.toString()}`
  const answer = await ask(`${world.url}${path}`, 'GET', headers)
  if (isOld && answer.status === 200 && isDeepStrictEqual(answer.body, now)) {
    world.kept.set(key, { workspace, asked, rows: now!, atMs: Date.now() })
    return undefined
  }
  return same(`GET ${path}`, 200, rows, answer)
}

export function askedOf({ fromMs, toMs, by }: Question): string {
  return JSON.stringify([new Date(fromMs).toISOString(), new Date(toMs).toISOString(), by])
}

export function keptKey(workspace: number, asked: string): string {
  return answerKey(workspace, createHash('sha256').update(asked).digest('hex'))
}

/** What Redis says of an id (`id:…`) or a key (`key:…`) of a workspace must be of an event that it sent. */
export function falseClaim({ ledger, workspace }: Tenant, name: string, value: string | null): string | undefined {
  if (value === null) return undefined
  const what = name.slice(name.indexOf(':') + 1)
  const isId = name.startsWith('id:')
  const id = isId ? what : ledger.idOf(what)
  const stored = id === undefined ? undefined : ledger.find(id)
  if (value === (stored && `stored:${fingerprintOf(stored)}`)) return undefined
  const sent = [...ledger.dead.values(), ...ledger.stored].filter(({ order, key }) => (isId ? order.id === what : key === what || order.id === id))
  if (sent.some((it) => value === `claimed:${fingerprintOf(it)}`)) return undefined
  return `${idempotencyKey(workspace, name)} is ${value}, which is of nothing that it sent (stored: ${stored === undefined ? 'nothing' : fingerprintOf(stored)})`
}

const ORDER_COLUMNS = 'id, project_id, timestamp_ms::float8 AS timestamp_ms, amount_cents, type, store, product'
interface OrderRow {
  id: string
  project_id: number
  timestamp_ms: number
  amount_cents: number
  type: number
  store: number
  product: number
}

function contentOfRow(row: OrderRow): string {
  const names = { type: ORDER_TYPES[row.type]!, store: STORES[row.store]!, product: PRODUCTS[row.product]! }
  return contentOf({ order: { id: row.id, ...names, amountCents: row.amount_cents, timestampMs: row.timestamp_ms }, project: row.project_id })
}

async function list(url: string, path: string, token: string, expected: readonly unknown[], without: readonly string[] = []): Promise<string | undefined> {
  const { status, body } = await ask(`${url}${path}`, 'GET', bearer(token))
  const reduced = (row: object) => Object.fromEntries(Object.entries(row).filter(([name]) => !without.includes(name)))
  const rows = Array.isArray(body) ? (body as object[]).map(reduced) : body
  return same(`GET ${path}`, 200, expected, { status, body: rows })
}

function same(what: string, status: number, expected: unknown, answer: { status: number; body: unknown }): string | undefined {
  const isSame = answer.status === status && (expected === undefined || isDeepStrictEqual(answer.body, expected))
  return isSame ? undefined : unexpected(what, { status, body: expected }, answer)
}

function different(what: string, expected: unknown, found: unknown): string | undefined {
  return isDeepStrictEqual(found, expected) ? undefined : `${what}: ${differenceOf(expected, found)}`
}
