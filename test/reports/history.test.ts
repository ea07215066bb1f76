import { describe, expect, test } from 'vitest'
import { historyOf, historyOrders } from '../../src/load/history.ts'
import { orderBody } from '../../src/load/customers.ts'
import { orderIdWriter, parseOrderId } from '../../src/load/order-id.ts'
import type { Ledger } from '../../src/measure/ledger-file.ts'
import { OK } from '../../src/measure/ledger.ts'
import { historyFailures } from '../../src/reports/history.ts'
import { isExact, reconcile } from '../../src/reports/reconcile.ts'
import { addOrder, emptyDashboard, topProducts } from '../../src/system/dashboard.ts'
import type { Order, StoredOrder } from '../../src/system/event.ts'

const SEED = 11
const TAG = 0x1234
const START_MS = Date.UTC(2026, 10, 21, 7)
const HISTORY = historyOf({ orders: 40, seed: SEED, toMs: START_MS - 1_000 })
const past: StoredOrder[] = []
for await (const batch of historyOrders(HISTORY)) past.push(...batch.map((order) => ({ ...order, persistedAtMs: START_MS - 500 })))
/** Three events of the run itself. */
const own: StoredOrder[] = [0, 1, 2].map((n) => {
  const id = orderIdWriter(TAG, 0)(START_MS + n, n)
  return { ...orderBody(SEED, id, parseOrderId(id)!), persistedAtMs: START_MS + n + 5 }
})
const ledger: Ledger = { sources: [0], events: () => own.length, fate: () => OK, counts: () => [0, 0, own.length, 0] }

async function account(rows: readonly StoredOrder[], options: { counted?: readonly Order[]; seen?: [number, number][] } = {}) {
  const dashboard = emptyDashboard()
  for (const order of options.counted ?? [...past, ...own]) addOrder(dashboard, order)
  return reconcile({
    seed: SEED,
    runTag: TAG,
    history: HISTORY,
    ledger,
    timesOf: async () => new Map(),
    persisted: (async function* () {
      for (let at = 0; at < rows.length; at += 7) yield rows.slice(at, at + 7)
    })(),
    dashboard: { ...dashboard, top: topProducts(dashboard.byProduct) },
    seen: options.seen ?? [],
    loadFromMs: START_MS,
    loadToMs: START_MS + 10,
  })
}

test('history as it was written, and a run beside it: exact, each counted for itself', async () => {
  const accounting = await account([...past, ...own])
  expect(accounting).toMatchObject({ stored: 3, ok: 3, unexpected: 0, miscounted: [], history: { orders: 40, stored: 40, lost: 0, duplicated: 0, altered: 0 } })
  expect(accounting.persistedLagMs?.count).toBe(3)
  expect(isExact(accounting)).toBe(true)
  expect(historyFailures(accounting.history)).toEqual([])
})

test('a missing order of history is lost, and named', async () => {
  const rows = [...past.filter((_, n) => n !== 7 && n !== 39), ...own]
  const accounting = await account(rows, { counted: rows })
  expect(accounting).toMatchObject({ lost: 0, miscounted: [], history: { stored: 38, lost: 2, examples: { lost: [past[7]!.id, past[39]!.id] } } })
  expect(isExact(accounting)).toBe(false)
  expect(historyFailures(accounting.history)).toEqual(['history: 2 of 40 missing'])
})

test('one that is there twice is duplicated, and expected on the dashboard once', async () => {
  const accounting = await account([...past, past[3]!, ...own])
  expect(accounting).toMatchObject({ duplicated: 0, miscounted: [], history: { stored: 40, duplicated: 1, examples: { duplicated: [past[3]!.id] } } })
  expect(isExact(accounting)).toBe(false)
  expect(historyFailures(accounting.history)).toEqual(['history: 1 of 40 stored more than once'])
})

test.each([['store', 'store-99'], ['amountCents', -1], ['timestampMs', 1]] as const)('one whose %s was changed is altered, and the dashboard held against what was written', async (field, value) => {
  const rows = past.map((row, n) => (n === 5 ? ({ ...row, [field]: value } as StoredOrder) : row))
  const accounting = await account([...rows, ...own])
  expect(accounting).toMatchObject({ altered: 0, miscounted: [], history: { altered: 1, examples: { altered: [past[5]!.id] } } })
  expect(isExact(accounting)).toBe(false)
  expect((await account([...rows, ...own], { counted: [...rows, ...own] })).miscounted.length).toBeGreaterThan(0)
})

describe('what claims to be history and is not', () => {
  test.each([
    ['a sequence after the last', 0, 40, past[39]!.timestampMs],
    ['another source', 1, 3, past[3]!.timestampMs],
    ['another time', 0, 3, past[3]!.timestampMs + 1],
  ])('%s: unexpected', async (_, source, sequence, timeMs) => {
    const id = orderIdWriter(0, source)(timeMs, sequence)
    const rows = [...past, ...own, { ...past[3]!, id }]
    expect(await account(rows, { counted: rows })).toMatchObject({ unexpected: 1, miscounted: [], history: { stored: 40, duplicated: 0 } })
  })
})

test('a dashboard that leaves history out is miscounted', async () => {
  const { miscounted } = await account([...past, ...own], { counted: own })
  expect(miscounted).toContainEqual({ figure: 'count', expected: 43, shown: 3 })
})

test('freshness counts from the history on: what was shown before says nothing of the run', async () => {
  const seen: [number, number][] = [[START_MS - 400, 40], [START_MS + 100, 42], [START_MS + 200, 43]]
  const { freshnessMs, neverVisible } = await account([...past, ...own], { seen })
  expect(neverVisible).toBe(0)
  expect(freshnessMs).toMatchObject({ count: 3 })
  expect(freshnessMs!.max).toBeCloseTo(198, 0)
  expect(freshnessMs!.p50).toBeCloseTo(100, 0)
  // The run's three were never shown.
  expect((await account([...past, ...own], { seen: [[START_MS + 100, 40]] })).neverVisible).toBe(3)
})
