import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { orderBody } from '../../src/load/customers.ts'
import { orderIdWriter, parseOrderId } from '../../src/load/order-id.ts'
import type { Ledger } from '../../src/measure/ledger-file.ts'
import { NEVER_SENT, OK, REJECTED, UNKNOWN, type Fate } from '../../src/measure/ledger.ts'
import { dueStretches } from '../../src/reports/by-fault.ts'
import { allowedLoss } from '../../src/reports/allowed-loss.ts'
import { isExact, reconcile } from '../../src/reports/reconcile.ts'
import { addOrder, emptyDashboard, topProducts, type Dashboard } from '../../src/system/dashboard.ts'
import type { StoredOrder } from '../../src/system/event.ts'

const SEED = 7
const TAG = 0xabcdef
const START_MS = Date.UTC(2026, 10, 21, 7)
const SOURCE = 8

function ledgerOf(fates: readonly Fate[]): Ledger {
  const counts: [number, number, number, number] = [0, 0, 0, 0]
  for (const fate of fates) counts[fate] += 1
  return { sources: [SOURCE], events: (source) => (source === SOURCE ? fates.length : 0), fate: (_, sequence) => fates[sequence], counts: () => counts }
}

const idOf = (sequence: number, tag = TAG) => orderIdWriter(tag, SOURCE)(START_MS + sequence, sequence)

function rowOf(sequence: number, lagMs = 5): StoredOrder {
  const id = idOf(sequence)
  return { ...orderBody(SEED, id, parseOrderId(id)!), persistedAtMs: START_MS + sequence + lagMs }
}

function dashboardOf(rows: readonly StoredOrder[]): Dashboard {
  const dashboard = emptyDashboard()
  for (const row of rows) addOrder(dashboard, row)
  return { ...dashboard, top: topProducts(dashboard.byProduct) }
}

async function account(fates: readonly Fate[], rows: readonly StoredOrder[], dashboard = dashboardOf(rows), seen: [number, number][] = [], signal?: AbortSignal) {
  return reconcile({
    seed: SEED,
    runTag: TAG,
    ledger: ledgerOf(fates),
    timesOf: async (wanted) => new Map([[SOURCE, new Map([...wanted].map(({ sequence }) => [sequence, START_MS + sequence]))]]),
    persisted: (async function* () {
      for (let at = 0; at < rows.length; at += 3) yield rows.slice(at, at + 3)
    })(),
    dashboard,
    seen,
    loadFromMs: START_MS,
    loadToMs: START_MS + fates.length,
    signal,
  })
}

describe('reconcile', () => {
  test('all accepted, all stored: exact', async () => {
    const accounting = await account([OK, OK, OK, OK], [0, 1, 2, 3].map((n) => rowOf(n)))
    expect(accounting).toMatchObject({ scheduled: 4, ok: 4, stored: 4, lost: 0, miscounted: [] })
    expect(accounting.persistedLagMs?.count).toBe(4)
    expect(accounting.persistedLagMs?.max).toBeCloseTo(5, 1)
    expect(isExact(accounting)).toBe(true)
  })

  test('accepted and missing: lost, and named by its full id', async () => {
    const accounting = await account([OK, OK, OK], [rowOf(0), rowOf(2)])
    expect(accounting.lost).toBe(1)
    expect(accounting.examples.lost).toEqual([idOf(1)])
    expect(isExact(accounting)).toBe(false)
  })

  test('stored twice: duplicated, and expected on the dashboard once', async () => {
    const rows = [rowOf(0), rowOf(1), rowOf(1)]
    const accounting = await account([OK, OK], rows, dashboardOf([rowOf(0), rowOf(1)]))
    expect(accounting).toMatchObject({ stored: 2, duplicated: 1, miscounted: [] })
    expect(accounting.examples.duplicated).toEqual([idOf(1)])
  })

  test('refused, yet stored: phantom', async () => {
    expect(await account([OK, REJECTED], [rowOf(0), rowOf(1)])).toMatchObject({ phantom: 1, recovered: 0 })
  })

  test('unknown and stored is recovered, unknown and missing is nothing', async () => {
    const accounting = await account([UNKNOWN, UNKNOWN], [rowOf(0)])
    expect(accounting).toMatchObject({ recovered: 1, lost: 0, unknown: 2 })
    expect(isExact(accounting)).toBe(true)
  })

  test.each([
    ['another run', idOf(0, 0x111111)],
    ['a sequence never scheduled', idOf(99)],
    ['an id of nobody known', '3f2504e0-4f89-41d3-9a0c-0305e82c3301'],
  ])('stored, never sent (%s): unexpected', async (_, id) => {
    const accounting = await account([OK], [rowOf(0), { ...rowOf(0), id }])
    expect(accounting).toMatchObject({ unexpected: 1, stored: 1 })
    expect(accounting.examples.unexpected).toEqual([id])
  })

  test('stored though it was never sent: unexpected', async () => {
    expect(await account([NEVER_SENT], [rowOf(0)])).toMatchObject({ unexpected: 1 })
  })

  test.each([['type', 'order_paid!'], ['store', 'store-99'], ['product', 'tea'], ['amountCents', -1], ['timestampMs', 1]] as const)(
    'a stored %s that differs from what was sent: altered, and the dashboard is held against what was sent',
    async (field, value) => {
      const row = { ...rowOf(0), [field]: value } as StoredOrder
      const accounting = await account([OK], [row])
      expect(accounting.altered).toBe(1)
      expect(accounting.miscounted.length).toBeGreaterThan(0)
    },
  )

  test('a dashboard that counts one event twice is named figure by figure', async () => {
    const accounting = await account([OK, OK], [rowOf(0), rowOf(1)], dashboardOf([rowOf(0), rowOf(1), rowOf(1)]))
    const product = rowOf(1).product
    expect(accounting.miscounted).toContainEqual({ figure: 'count', expected: 2, shown: 3 })
    expect(accounting.miscounted.map((one) => one.figure)).toContain(`byProduct.${product}.count`)
  })

  test('a key of the dashboard that no stored event makes is miscounted', async () => {
    const dashboard = dashboardOf([rowOf(0)])
    dashboard.byStore['store-77'] = { count: 1, revenueCents: 5 }
    expect((await account([OK], [rowOf(0)], dashboard)).miscounted.map((one) => one.figure)).toEqual(['byStore.store-77.count', 'byStore.store-77.revenueCents'])
  })

  test('an abort ends it between two batches', async () => {
    const aborted = AbortSignal.abort(new Error('stopped'))
    await expect(account([OK], [rowOf(0)], undefined, [], aborted)).rejects.toThrow('stopped')
  })

  test('whatever happens to whichever event, the sums are those of a naive count', async () => {
    const event = fc.record({ fate: fc.constantFrom<Fate>(NEVER_SENT, UNKNOWN, OK, REJECTED), copies: fc.integer({ min: 0, max: 3 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
        const rows = events.flatMap(({ copies }, n) => Array.from({ length: copies }, () => rowOf(n)))
        const accounting = await account(events.map(({ fate }) => fate), rows)
        const stored = events.filter(({ copies }) => copies > 0)
        const having = (fate: Fate) => stored.filter((one) => one.fate === fate).length
        expect(accounting).toMatchObject({
          scheduled: events.length,
          stored: stored.length,
          lost: events.filter(({ fate, copies }) => fate === OK && copies === 0).length,
          duplicated: rows.length - stored.length,
          phantom: having(REJECTED),
          recovered: having(UNKNOWN),
          unexpected: having(NEVER_SENT),
        })
      }),
    )
  })
})

describe('loss that is allowed', () => {
  const fates = Array.from<unknown, Fate>({ length: 60 }, () => OK)
  const without = (...missing: number[]) => fates.map((_, n) => n).filter((n) => !missing.includes(n)).map((n) => rowOf(n))
  const lossOf = async (rows: StoredOrder[]) => {
    // Away from 20 to 30 ms after the start; event n is due at n ms and stored 5 ms later: the last one stored before is 15.
    const away = { service: 'consumer', replica: 1, how: 'killed' as const, fromMs: START_MS + 20, toMs: START_MS + 30 }
    return reconcile({
      seed: SEED, runTag: TAG, ledger: ledgerOf(fates), dashboard: dashboardOf(rows), seen: [], loadFromMs: START_MS, loadToMs: START_MS + 60,
      timesOf: async (wanted) => new Map([[SOURCE, new Map([...wanted].map(({ sequence }) => [sequence, START_MS + sequence]))]]),
      persisted: (async function* () {
        yield rows
      })(),
      allowed: allowedLoss({ after: ['consumer'], says: '' }, [away], () => 2),
      sequencesIn: async (windows) => new Map([[SOURCE, windows.map(({ fromMs = START_MS, toMs = Infinity }) => [Math.max(0, fromMs - START_MS), Math.min(60, toMs - START_MS + 1)])]]),
    })
  }

  test.each([
    ['nothing missing', [], 0, 0],
    ['while it was away', [20, 25, 30], 3, 3],
    ['held when it went away', [16, 17], 2, 2],
    ['accepted later than due', [14, 16], 2, 2],
    ['stored too long ago to have been held', [5], 1, 0],
    ['after it was back', [31], 1, 0],
    ['some of each', [5, 22, 40], 3, 1],
  ])('%s', async (_, missing, lost, lostExcused) => expect(await lossOf(without(...missing))).toMatchObject({ lost, lostExcused, miscounted: [] }))

  test('what is not excused is named first', async () => {
    expect((await lossOf(without(22, 40))).examples.lost).toEqual([idOf(40), idOf(22)])
  })
})

test('by fault: every wrong event is laid to the one that came last before it, or soon after', async () => {
  // Events a second apart; faults at 10 s and 30 s, so that 5 to 24 and 25 onwards are theirs.
  const at = (sequence: number) => START_MS + sequence * 1_000
  const id = (sequence: number) => orderIdWriter(TAG, SOURCE)(at(sequence), sequence)
  const row = (sequence: number): StoredOrder => ({ ...orderBody(SEED, id(sequence), parseOrderId(id(sequence))!), persistedAtMs: at(sequence) + 5 })
  const fates: Fate[] = Array.from({ length: 40 }, (_, n) => (n === 6 ? REJECTED : n === 7 || n === 30 ? UNKNOWN : OK))
  const missing = [1, 8, 24, 25]
  const rows = [...fates.keys()].filter((n) => !missing.includes(n)).map(row)
  rows.push(row(39))
  const accounting = await reconcile({
    seed: SEED, runTag: TAG, ledger: ledgerOf(fates), dashboard: dashboardOf(rows), seen: [], loadFromMs: START_MS, loadToMs: at(40),
    timesOf: async () => new Map(),
    persisted: (async function* () { yield rows })(),
    // Allowed to be missing is what was due from 25 s on: told apart from whose it is.
    allowed: { add: () => undefined, windows: () => [{ service: 'worker', fromMs: at(25) }] },
    aroundFaults: dueStretches([10, 30].map((second) => ({ fault: 'kill', service: 'worker', replica: 1, injectedAtMs: at(second) }))),
    sequencesIn: async (stretches) => new Map([[SOURCE, stretches.map(({ fromMs = 0, toMs = Infinity }): [number, number] => {
      const due = [...fates.keys()].filter((n) => at(n) >= fromMs && at(n) <= toMs)
      return [due[0]!, due.at(-1)! + 1]
    })]]),
  })
  expect(accounting).toMatchObject({ lost: 4, lostExcused: 1, phantom: 1, recovered: 2, duplicated: 1 })
  expect(accounting.byFault).toEqual([
    { lost: 2, duplicated: 0, phantom: 1, recovered: 1 },
    { lost: 1, duplicated: 1, phantom: 0, recovered: 1 },
  ])
})
