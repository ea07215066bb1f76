import { afterAll, describe, expect, it } from 'vitest'
import { readAnalyticsQuery } from '../../src/system/analytics-query.ts'
import { buildApp } from '../../src/system/api.ts'
import { Unavailable, Unknown } from '../../src/system/architecture.ts'
import { loadArchitecture } from '../../src/system/architectures/index.ts'
import { createContext } from '../../src/system/context.ts'
import { createMeter } from '../../src/system/metrics.ts'
import { openApi } from '../../src/system/openapi.ts'
import { answerFor } from '../../src/system/problem.ts'
import { chooseProtocol, takeToken, upgradeProblem } from '../../src/system/socket-upgrade.ts'
import { textFrame } from '../../src/system/text-frame.ts'
import { randomOrders, wire } from './orders.ts'

interface Description {
  paths: Record<string, Record<string, { responses: Record<string, unknown> }>>
  components: { schemas: Record<string, { required: string[] }> }
}

const architecture = await loadArchitecture('null')
const context = createContext({ env: {}, knobs: { payload: 'full' as const }, signal: new AbortController().signal })
const backend = await architecture.api(context)
const app = buildApp('null', backend, createMeter(), context)
const description = openApi('null', 201) as unknown as Description
const OUTSIDE = ['/api/null/order', '/ws/dashboard']
afterAll(() => app.close())

/** The tree that Fastify prints, four columns a level, as whole paths. */
function pathsOf(tree: string): string[] {
  const above: string[] = []
  return tree.split('\n').flatMap((line) => {
    const [, indent, part, methods] = /^([│ ]*)[├└]── (\S*)(?: \((.*)\))?/.exec(line) ?? []
    if (indent === undefined) return []
    above.length = indent.length / 4
    above.push(part!)
    return methods === undefined ? [] : [above.join('')]
  })
}

describe('openapi.json', () => {
  it('describes every route, and no other', async () => {
    await app.ready()
    const routes = pathsOf(app.printRoutes({ commonPrefix: false })).filter((path) => !path.startsWith('/internal/'))
    expect([...routes, ...OUTSIDE].sort()).toEqual(Object.keys(description.paths).sort())
  })

  it('names the fields that answers have', async () => {
    await backend.publish(randomOrders(50, 1, Date.now()))
    const required = (schema: string) => description.components.schemas[schema]!.required.toSorted()
    const dashboard: object = (await app.inject('/api/dashboard')).json()
    expect(Object.keys(dashboard).sort()).toEqual(required('Dashboard'))
    const rows: object[] = (await app.inject('/api/analytics?from=2020-01-01T00:00Z')).json()
    expect(Object.keys(rows[0]!).sort()).toEqual(required('AnalyticsRow'))
    const batch = await app.inject({ method: 'POST', url: '/api/null/orders', payload: randomOrders(2, 2, Date.now()).map(wire) })
    expect(batch.statusCode).toBe(201)
    expect(Object.keys(batch.json<object>()).sort()).toEqual(required('AcceptedBatch'))
  })

  it('is served', async () => {
    expect((await app.inject('/openapi.json')).json()).toEqual(description)
  })
})

describe('the API', () => {
  it.each([
    ['GET', '/nowhere', 404], ['GET', '/%ff', 400], ['DELETE', '/livez', 405], ['GET', '/api/null/orders', 405], ['GET', '/api/null/order', 405], ['POST', '/api/v2/order', 404],
  ] as const)('answers %s %s with %i and a reason in JSON', async (method, url, status) => {
    const response = await app.inject({ method, url })
    expect(response.statusCode).toBe(status)
    expect(response.json()).toHaveProperty('error')
  })

  it('shows a page without anything from elsewhere', async () => {
    const { body, headers } = await app.inject('/')
    expect(headers['content-type']).toContain('text/html')
    expect(body).toContain('architecture null')
    expect(body).not.toMatch(/https?:\/\//)
  })
})

describe('an analytics query', () => {
  const NOW = Date.UTC(2026, 10, 21, 8)
  it('is the last 24 hours by product unless told otherwise', () => {
    expect(readAnalyticsQuery({}, NOW)).toMatchObject({ fromMs: NOW - 86_400_000, toMs: NOW, by: 'product' })
    expect(readAnalyticsQuery({ to: '2026-01-02T00:00:00+01:00', by: 'hour' }, NOW)).toMatchObject({ fromMs: Date.UTC(2025, 11, 31, 23), toMs: Date.UTC(2026, 0, 1, 23), by: 'hour' })
  })
  it.each([
    ['from', { from: 'yesterday' }], ['from', { from: '2026-01-01' }], ['to', { to: ['2026-01-01T00:00Z', '2026-01-02T00:00Z'] }],
    ['from', { from: '2026-01-02T00:00Z', to: '2026-01-01T00:00Z' }], ['by', { by: 'customer' }], ['by', { by: ['hour', 'type'] }], ['limit', { limit: '3' }],
  ])('with a wrong %s is refused', (field, query) => {
    expect(() => readAnalyticsQuery(query, NOW)).toThrow(expect.objectContaining({ status: 400, body: expect.objectContaining({ field }) as object }))
  })
})

describe('an error', () => {
  it.each([
    ['nothing written', new Unavailable('away', 3), 503], ['perhaps written', new Unknown('cut'), 504],
    ['a client’s', Object.assign(new Error('x'), { statusCode: 413 }), 413],
  ])('%s has its status', (_what, error, status) => {
    expect(answerFor(error)?.status).toBe(status)
  })
  it('of our own has none', () => {
    expect(answerFor(new TypeError('x'))).toBeUndefined()
    expect(answerFor(Object.assign(new Error('x'), { statusCode: 500 }))).toBeUndefined()
  })
})

describe('the socket', () => {
  it.each([
    ['/ws/dashboard', {}, undefined], ['/ws/dashboard?x=1', { origin: 'http://here:1', host: 'here:1' }, undefined],
    ['/ws/dashboard', { origin: 'http://there:1', host: 'here:1' }, '403 Forbidden'], ['/ws/dashboard', { origin: 'null', host: 'here:1' }, '403 Forbidden'],
    ['/ws/other', {}, '404 Not Found'],
  ])('%s with %j: %s', (url, headers, expected) => {
    expect(upgradeProblem({ url, headers })).toBe(expected)
  })

  it.each([
    ['lab.dashboard, bearer.a.b-c_d', undefined, 'Bearer a.b-c_d'], ['bearer.x,lab.dashboard', undefined, 'Bearer x'],
    ['lab.dashboard, bearer.x', 'Bearer y', 'Bearer y'], ['lab.dashboard', undefined, undefined], [undefined, undefined, undefined],
  ])('offering %j with authorization %j is asked about as %j', (protocols, authorization, expected) => {
    const headers = { ...(protocols !== undefined && { 'sec-websocket-protocol': protocols }), ...(authorization !== undefined && { authorization }) }
    takeToken({ headers })
    expect((headers as { authorization?: string }).authorization).toBe(expected)
  })

  it('never sends a token back', () => {
    expect(chooseProtocol(new Set(['bearer.secret', 'lab.dashboard']))).toBe('lab.dashboard')
    expect(chooseProtocol(new Set(['bearer.secret']))).toBe(false)
  })

  it.each([[0, 2], [125, 2], [126, 4], [65_535, 4], [65_536, 10]])('frames %i bytes after a header of %i', (length, header) => {
    const frame = textFrame('x'.repeat(length))
    expect(frame).toHaveLength(header + length)
    expect(frame[0]).toBe(0x81)
    const told = header === 2 ? frame[1] : header === 4 ? frame.readUInt16BE(2) : Number(frame.readBigUInt64BE(2))
    expect(told).toBe(length)
  })
})
