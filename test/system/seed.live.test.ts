import { describe, expect, test } from 'vitest'
import { fill } from '../../src/experiment/history.ts'
import { historyOf, historyOrders, type History } from '../../src/load/history.ts'
import type { ArchitectureId } from '../../src/system/architectures/index.ts'
import { createContext } from '../../src/system/context.ts'
import { addOrder, emptyDashboard, type Dashboard } from '../../src/system/dashboard.ts'
import type { Order } from '../../src/system/event.ts'
import { parseKnobs } from '../../src/system/knobs.ts'
import { post } from './client.ts'
import { randomOrders, wire } from './orders.ts'
import { drained, startStack, storedOrders, type Stack } from './stack.ts'

const CASES: [id: ArchitectureId, knobs: Record<string, string>][] = [
  ['v1', {}],
  ['v1', { partition: 'range', indexes: '3', counters: 'table' }],
  ['v1', { counters: 'hot', interval: '60000' }],
  ['v2', {}],
]
const ORDERS = 12_345

function contextOf(stack: Stack, knobs: Record<string, string>, signal = new AbortController().signal) {
  const parsed = parseKnobs(stack.architecture, knobs)
  if (!parsed.ok) throw new Error('knobs')
  return createContext({ env: stack.system.env, knobs: parsed.knobs, signal })
}

async function ordersOf(history: History): Promise<Order[]> {
  const orders: Order[] = []
  for await (const batch of historyOrders(history)) orders.push(...batch)
  return orders
}

function dashboardOf(orders: readonly Order[]): Pick<Dashboard, 'count' | 'revenueCents' | 'byProduct' | 'byStore' | 'byType' | 'byHour'> {
  const { count, revenueCents, byProduct, byStore, byType, byHour } = orders.reduce((dashboard, one) => (addOrder(dashboard, one), dashboard), emptyDashboard())
  return { count, revenueCents, byProduct, byStore, byType, byHour }
}

const byId = (a: Order, b: Order) => (a.id < b.id ? -1 : 1)

describe.each(CASES)('%s %j', (id, knobs) => {
  test('history is stored as it was made, counted once, beside orders that come meanwhile; and again', async () => {
    await using stack = await startStack(id, { knobs })
    const context = contextOf(stack, knobs)
    const histories = [1, 2].map((source) => historyOf({ orders: ORDERS, seed: 3, toMs: Date.now() - 1_000, source }))
    const sent: Order[] = []
    for (const [round, history] of histories.entries()) {
      const filling = fill(stack.architecture, context, [], history, () => undefined)
      for (const one of randomOrders(20, round, Date.now())) {
        sent.push(one)
        expect((await post(`${stack.url}/api/${id}/order`, JSON.stringify(wire(one)))).status).toBeLessThan(300)
      }
      expect(await filling).toMatchObject({ orders: ORDERS })
    }
    const expected = [...(await ordersOf(histories[0]!)), ...(await ordersOf(histories[1]!)), ...sent].sort(byId)
    const shown = await drained(stack.judge)
    expect(shown).toMatchObject(dashboardOf(expected))
    const stored = (await storedOrders(stack.judge)).map(({ persistedAtMs: _, ...rest }) => rest).sort(byId)
    expect(stored).toEqual(expected)
  })
})

describe.each<[ArchitectureId, Record<string, string>]>([['v1', { partition: 'range', counters: 'table' }], ['v2', {}]])('%s %j', (id, knobs) => {
  test('cut off in the middle, or refused, it leaves whole transactions: what is stored is what is counted', async () => {
    await using stack = await startStack(id, { knobs })
    const stop = new AbortController()
    const history = historyOf({ orders: 400_000, seed: 3, toMs: Date.now() })
    const filled = await fill(stack.architecture, contextOf(stack, knobs, stop.signal), [], history, (written) => {
      if (written >= 30_000) stop.abort()
    })
    expect(filled.orders).toBeGreaterThanOrEqual(30_000)
    expect(filled.orders).toBeLessThan(400_000)
    expect((await drained(stack.judge)).count).toBe(filled.orders)

    // The same ids once more, after some new ones.
    const before = historyOf({ orders: 7, seed: 3, toMs: Date.now(), source: 9 })
    const both = (async function* () {
      yield await ordersOf(before)
      yield* historyOrders(history)
    })()
    await expect(stack.architecture.seed!(contextOf(stack, knobs), both)).rejects.toThrow(/duplicate key/)
    const shown = await drained(stack.judge)
    const stored = await storedOrders(stack.judge)
    expect(new Set(stored.map((one) => one.id)).size).toBe(stored.length)
    expect(shown).toMatchObject(dashboardOf(stored))
  })
})

test('PostgreSQL killed meanwhile: the filling fails, and what was committed before is there and counted', async () => {
  await using stack = await startStack('v2')
  const postgres = stack.system.services.find(({ service }) => service === 'postgres')!
  let killed: Promise<unknown> | undefined
  const filling = fill(stack.architecture, contextOf(stack, {}), [], historyOf({ orders: 5_000_000, seed: 3, toMs: Date.now() }), (written) => {
    if (written >= 150_000) killed ??= postgres.kill()
  })
  await expect(filling).rejects.toThrow()
  await killed
  await postgres.start()
  const shown = await drained(stack.judge)
  expect(shown.count % 5_000).toBe(0)
  expect(shown.count).toBeLessThan(5_000_000)
  expect(shown).toMatchObject(dashboardOf(await storedOrders(stack.judge)))
})
