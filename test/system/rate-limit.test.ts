import type { IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildApp } from '../../src/system/api.ts'
import type { Backend } from '../../src/system/architecture.ts'
import { loadArchitecture } from '../../src/system/architectures/index.ts'
import { createContext } from '../../src/system/context.ts'
import { createMeter } from '../../src/system/metrics.ts'
import { Refusal } from '../../src/system/problem.ts'
import { customerOf, perMinute, retryAfterS } from '../../src/system/rate-limit.ts'
import { randomOrders, wire } from './orders.ts'

function request(customer: string | string[] | undefined, remoteAddress = '10.0.0.1'): IncomingMessage {
  return { headers: { ...(customer !== undefined && { 'x-customer': customer }) }, socket: { remoteAddress } } as unknown as IncomingMessage
}

describe('a customer', () => {
  it.each([
    ['its name', 'alice', 'customer:alice'],
    ['its address without a name', undefined, 'address:10.0.0.1'],
    ['a name of 64 characters', 'x'.repeat(64), `customer:${'x'.repeat(64)}`],
    ['its address instead of a longer one', 'x'.repeat(65), 'address:10.0.0.1'],
    ['its address instead of an empty one', '', 'address:10.0.0.1'],
    ['its address instead of one with spaces', 'a b', 'address:10.0.0.1'],
    ['its address instead of one that is no ASCII', 'älice', 'address:10.0.0.1'],
    ['a name that looks like an address, and is none', '10.0.0.1', 'customer:10.0.0.1'],
  ])('is %s', (_what, header, expected) => {
    expect(customerOf(request(header))).toBe(expected)
  })
})

it.each([['off', undefined], ['1/min', 1], ['9999999/min', 9_999_999]])('rateLimit=%s is %s a minute', (knob, expected) => {
  expect(perMinute(knob)).toBe(expected)
})

it.each([[1, 1], [999_999, 1], [1_000_000, 1], [1_000_001, 2], [59_000_000, 59]])('a wait of %i µs is told as %i s', (us, seconds) => {
  expect(retryAfterS(us)).toBe(seconds)
})

describe('an API with a limit', () => {
  const asked: number[] = []
  const context = createContext({ env: {}, knobs: { payload: 'full' as const }, signal: new AbortController().signal })
  let backend: Backend
  let app: ReturnType<typeof buildApp>
  beforeAll(async () => {
    backend = await (await loadArchitecture('null')).api(context)
    backend.admit = async (_request, events) => {
      asked.push(events)
      if (events !== 2) throw new Refusal(429, { error: 'enough', retryAfterS: 7 })
    }
    app = buildApp('null', backend, createMeter(), context)
  })
  afterAll(() => app.close())
  const send = (url: string, payload: object) => app.inject({ method: 'POST', url, payload })

  it('asks for as many events as a batch has, before anything is stored', async () => {
    expect((await send('/api/null/orders', randomOrders(2, 1, Date.now()).map(wire))).statusCode).toBe(201)
    const refused = await send('/api/null/orders', randomOrders(3, 2, Date.now()).map(wire))
    expect([refused.statusCode, refused.headers['retry-after'], refused.json()]).toEqual([429, '7', { error: 'enough', retryAfterS: 7 }])
    expect(asked).toEqual([2, 3])
    expect((await backend.dashboard()).count).toBe(2)
  })

  it('asks nothing for a batch that is refused anyway', async () => {
    asked.length = 0
    expect((await send('/api/null/orders', [{ not: 'an order' }])).statusCode).toBe(400)
    expect(asked).toEqual([])
  })

  it('describes the answer 429, and one without a limit does not', async () => {
    const responses = async (it: typeof app) => Object.keys((await it.inject('/openapi.json')).json<{ paths: Record<string, { post: { responses: object } }> }>().paths['/api/null/order']!.post.responses)
    expect(await responses(app)).toContain('429')
    const free = buildApp('null', await (await loadArchitecture('null')).api(context), createMeter(), context)
    expect(await responses(free)).not.toContain('429')
    await free.close()
  })
})
