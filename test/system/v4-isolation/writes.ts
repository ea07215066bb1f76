import { isDeepStrictEqual } from 'node:util'
import { WebSocket } from 'ws'
import type { Dashboard } from '../../../src/system/dashboard.ts'
import { wire, withoutMoment } from '../orders.ts'
import { orderOf, SHARED_KEYS, type WriteCase } from './cases.ts'
import type { Arrival, Shown } from './model.ts'
import { ask, bearer, type Answer, type Tenant } from './tenants.ts'

/** A dashboard that somebody was shown while orders came, of so many events. */
export interface Sight {
  count: number
  shown: Shown
}

/** Sends what the case says, and enters into the ledger what was accepted. Returns what is wrong with the answer. */
export async function write(url: string, tenant: Tenant, others: readonly Tenant[], it: WriteCase): Promise<string | undefined> {
  const key = tenant.keys[it.project % tenant.keys.length]!
  const chosen = SHARED_KEYS[it.key]!
  const isBatch = it.kind === 'orders' || it.kind === 'ingest-array' || it.kind === 'ingest-lines' || it.kind === 'keyed-batch'
  const orders = (isBatch ? it.events : it.events.slice(0, 1)).map(orderOf)
  const isKeyed = it.kind === 'ingest-key' || it.kind === 'keyed-batch'
  const headers = {
    'content-type': it.kind === 'ingest-lines' ? 'application/x-ndjson' : 'application/json',
    'x-api-key': it.kind === 'foreign-key' ? foreignKey(tenant, others, it.key) : key.text,
    ...(isKeyed && { 'idempotency-key': chosen }),
  }
  const body = it.kind === 'ingest-lines' ? orders.map((one) => JSON.stringify(wire(one))).join('\n') : JSON.stringify(isBatch ? orders.map(wire) : wire(orders[0]!))
  const path = it.kind === 'order' ? '/api/v4/order' : it.kind === 'orders' ? '/api/v4/orders' : '/v1/ingest'
  const answer = await ask(`${url}${path}`, 'POST', headers, body)
  const ids = orders.map(({ id }) => id)
  const [status, expected] = it.kind === 'foreign-key' ? [401, undefined] : it.kind === 'keyed-batch' ? [400, undefined]
    : [202, isBatch ? { count: ids.length, ids } : { id: ids[0] }]
  if (answer.status !== status || (expected !== undefined && !isDeepStrictEqual(answer.body, expected))) {
    return unexpected(`POST ${path} (${it.kind})`, { status, body: expected }, answer)
  }
  if (status === 202) tenant.ledger.accept(orders.map((order): Arrival => ({ order, project: key.project, ...(isKeyed && { key: chosen }) })))
  return undefined
}

/** A key of somebody else with this workspace written into it, or one's own with another's. */
function foreignKey(tenant: Tenant, others: readonly Tenant[], pick: number): string {
  const other = others[pick % others.length]!
  const [from, to] = pick % 2 === 0 ? [other, tenant] : [tenant, other]
  return from.keys[0]!.text.replace(`lk_${from.workspace}_`, `lk_${to.workspace}_`)
}

/** The dashboard of one who asks while everybody writes. */
export async function look(url: string, { tokens, ledger }: Tenant): Promise<Sight | string> {
  // Nobody can see more than was accepted, and the answer to the last request came before this question.
  const { status, body } = await ask(`${url}/api/dashboard`, 'GET', bearer(tokens[0]!.token))
  if (status !== 200) return unexpected('GET /api/dashboard', { status: 200 }, { status, body })
  const dashboard = body as Dashboard
  return dashboard.count <= ledger.stored.length ? sightOf(dashboard) : `GET /api/dashboard: ${dashboard.count} events, of which only ${ledger.stored.length} were sent`
}

function sightOf(dashboard: Dashboard): Sight {
  return { count: dashboard.count, shown: withoutMoment(dashboard) }
}

/** Every sight must be of this workspace alone: what it had when it had so many events. Returns the first that is not. */
export function falseSight({ ledger }: Tenant, sights: readonly Sight[]): string | undefined {
  for (const { count, shown } of sights.toSorted((a, b) => a.count - b.count)) {
    const own = ledger.dashboardAt(count)
    if (!isDeepStrictEqual(shown, own)) return `was shown a dashboard that it never had: ${differenceOf(own, shown)}`
  }
  return undefined
}

/** A socket that stays open. */
export interface Window extends Disposable {
  /** What it was sent since it was asked last. */
  take(): Sight[]
  problem(): string | undefined
}

export async function openWindow(url: string, headers: Record<string, string>): Promise<Window> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws/dashboard`, { headers })
  let frames: string[] = []
  let problem: string | undefined
  socket.on('message', (data) => frames.push(String(data)))
  await new Promise((resolve, reject) => {
    socket.once('open', resolve).once('error', reject)
  })
  socket.on('error', (error) => { problem ??= error.message })
  socket.on('close', (code, reason) => { problem ??= `closed with ${code} ${String(reason)}` })
  return {
    take() {
      const taken = frames
      frames = []
      return taken.map((frame) => {
        const { kind: _kind, ...dashboard } = JSON.parse(frame) as { kind: string } & Dashboard
        return sightOf(dashboard)
      })
    },
    problem: () => problem,
    [Symbol.dispose]: () => socket.terminate(),
  }
}

export function unexpected(what: string, expected: Partial<Answer>, answer: Answer): string {
  if (expected.status === answer.status) return `${what}: ${differenceOf(expected.body, answer.body)}`
  return `${what}: status ${answer.status} ${JSON.stringify(answer.body)?.slice(0, 300)}, expected ${expected.status}`
}

/** Where two values part, in one line. */
export function differenceOf(expected: unknown, found: unknown, path = ''): string {
  const isBranch = (it: unknown): it is Record<string, unknown> => typeof it === 'object' && it !== null
  if (isBranch(expected) && isBranch(found)) {
    for (const name of new Set([...Object.keys(expected), ...Object.keys(found)])) {
      if (!isDeepStrictEqual(expected[name], found[name])) return differenceOf(expected[name], found[name], `${path}.${name}`)
    }
  }
  return `${path || 'it'} is ${JSON.stringify(found)?.slice(0, 300)}, expected ${JSON.stringify(expected)?.slice(0, 300)}`
}
