import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { analyse } from '../../src/system/analytics.ts'
import type { AnalyticsRow, Caller } from '../../src/system/architecture.ts'
import { createContext } from '../../src/system/context.ts'
import type { Dashboard } from '../../src/system/dashboard.ts'
import { ACCOUNT } from '../../src/system/postgres/connect.ts'
import { drive, until, watch } from './client.ts'
import { expectedDashboard, randomOrders, withoutMoment } from './orders.ts'
import { drained, startStack, type Stack } from './stack.ts'

const SPAN = 'from=2021-01-01T00:00:00.001Z&to=2025-01-01T07:30:00Z'
const QUERY = { fromMs: Date.parse('2021-01-01T00:00:00.001Z'), toMs: Date.parse('2025-01-01T07:30:00Z') }

/** The whole system, its rollup killed in the middle of a commit while orders come. */
describe('the reads of v4, as clients see them', () => {
  let stack: Stack
  let client: pg.Client
  let callers: Caller[]
  const orders = [randomOrders(300, 61, Date.now()), randomOrders(300, 62, Date.now())]
  const read = async (path: string, headers: Record<string, string> = {}) => await fetch(`${stack.url}${path}`, { headers })

  beforeAll(async () => {
    stack = await startStack('v4', { knobs: { rollup: '1', workspaces: '4' }, env: (folder) => ({ LAB_FAILPOINT: 'rollup:before-commit@2', LAB_FAILPOINT_ONCE: join(folder, 'fired') }) })
    client = new pg.Client({ host: stack.system.env['POSTGRES_HOST']!, port: Number(stack.system.env['POSTGRES_PORT']), ...ACCOUNT })
    client.on('error', () => {})
    await client.connect()
    callers = await stack.architecture.callers!(createContext({ env: stack.system.env, knobs: stack.knobs, signal: new AbortController().signal }))
    for (const [i, theirs] of orders.entries()) expect((await drive(`${stack.url}/api/v4`, theirs, { batch: 20, headers: callers[i]!.headers })).ok.size).toBe(300)
    await drained(stack.judge)
  })
  afterAll(async () => {
    await client.end().catch(() => {})
    await stack[Symbol.asyncDispose]()
  })

  it('answer a workspace with its own, and the operator with the sum, on either address', async () => {
    for (const path of ['/analytics', '/api/analytics']) {
      for (const by of ['product', 'store', 'type', 'hour'] as const) {
        const rows = async (headers: Record<string, string>) => (await (await read(`${path}?${SPAN}&by=${by}`, headers)).json()) as AnalyticsRow[]
        for (const [i, theirs] of orders.entries()) expect(await rows(callers[i]!.readHeaders!)).toEqual(analyse(theirs, { ...QUERY, by }))
        expect(await rows(stack.headers.reads)).toEqual(analyse(orders.flat(), { ...QUERY, by }))
        expect(await rows(callers[2]!.readHeaders!)).toEqual([])
      }
    }
    for (const [i, theirs] of orders.entries()) expect(withoutMoment((await (await read('/api/dashboard', callers[i]!.readHeaders!)).json()) as Dashboard)).toEqual(expectedDashboard(theirs))
  })

  it.each(['/analytics', '/api/analytics', '/api/dashboard'])('refuse who has no token, or only a key, at %s', async (path) => {
    for (const headers of [{}, callers[0]!.headers]) {
      const answer = await read(path, headers)
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Bearer')])
    }
  })

  it('are exact though the rollup was killed in the middle', async () => {
    await until('it was killed', () => stack.events.some((it) => it.type === 'service-exited' && it.service === 'rollup' && it.signal === 'SIGKILL'), 20_000)
    const rolledUp = async () => (await client.query<{ n: number }>("SELECT coalesce(sum(count), 0)::integer AS n FROM event_aggregations WHERE dimension = 'hour'")).rows[0]!.n
    await until('all is rolled up', async () => (await rolledUp()) === 600, 20_000)
    const { rows } = await client.query<{ n: number }>("SELECT coalesce(sum(count), 0)::integer AS n FROM everybody_aggregations WHERE dimension = 'product'")
    expect(rows[0]!.n).toBe(600)
    // Another question, which nobody has kept the answer to.
    const answer = await read(`/analytics?from=2019-12-31T00:00:00Z&to=2025-01-01T00:00:00Z&by=store`, callers[1]!.readHeaders!)
    expect(await answer.json()).toEqual(analyse(orders[1]!, { fromMs: Date.UTC(2019, 11, 31), toMs: Date.UTC(2025, 0, 1), by: 'store' }))
  })

  it('push to a workspace its own dashboard alone, and nothing to who may not see it', async () => {
    using first = await watch(stack.url, callers[0]!.readHeaders)
    using third = await watch(stack.url, callers[2]!.readHeaders)
    using operator = await watch(stack.url, stack.headers.reads)
    await until('all have one', () => [first, third, operator].every((it) => it.latest() !== undefined))
    expect((await drive(`${stack.url}/api/v4`, randomOrders(10, 63, Date.now()), { headers: callers[2]!.headers })).ok.size).toBe(10)
    await until('it is shown', () => third.latest()?.count === 10 && operator.latest()?.count === 610)
    expect(first.latest()?.count).toBe(300)
    await expect(watch(stack.url)).rejects.toThrow('401')
    await expect(watch(stack.url, callers[0]!.headers)).rejects.toThrow('401')
    await expect(watch(stack.url, { ...callers[0]!.readHeaders, origin: 'http://elsewhere.example' })).rejects.toThrow('403')
  })

  it('take the token as a browser sends it, and end with the membership', async () => {
    const token = callers[3]!.readHeaders!['Authorization']!.replace('Bearer ', '')
    const socket = new WebSocket(`${stack.url.replace(/^http/, 'ws')}/ws/dashboard`, ['lab.dashboard', `bearer.${token}`])
    const closed = new Promise<number>((resolve) => socket.on('close', resolve))
    const first = await new Promise<string>((resolve, reject) => socket.once('message', (data) => resolve(String(data))).once('error', reject))
    expect([socket.protocol, (JSON.parse(first) as Dashboard).count]).toEqual(['lab.dashboard', 0])
    const workspace = Number(callers[3]!.owner)
    // A workspace keeps an owner.
    await client.query("WITH heir AS (INSERT INTO users (email, password_hash) VALUES ('heir@example.org', '!') RETURNING id) INSERT INTO memberships SELECT $1, id, 'owner' FROM heir", [workspace])
    const removedMs = Date.now()
    await client.query("DELETE FROM memberships WHERE workspace_id = $1 AND user_id NOT IN (SELECT id FROM users WHERE email = 'heir@example.org')", [workspace])
    expect(await closed).toBe(4401)
    // Five seconds, on a machine that has other work.
    expect(Date.now() - removedMs).toBeLessThan(10_000)
    expect((await read('/analytics', callers[3]!.readHeaders)).status).toBe(401)
  })
})
