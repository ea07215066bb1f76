import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { callerPicker } from '../../src/load/callers.ts'
import type { LoadPhase, LoadPlan } from '../../src/load/control.ts'
import { officeOrders, orderBody } from '../../src/load/customers.ts'
import { historyOf, historyOrders, historyOwner } from '../../src/load/history.ts'
import { orderIdWriter, parseOrderId } from '../../src/load/order-id.ts'
import { requestWriter } from '../../src/load/requests.ts'
import type { Ledger } from '../../src/measure/ledger-file.ts'
import { NEVER_SENT, OK, REJECTED, type Fate } from '../../src/measure/ledger.ts'
import { belonging } from '../../src/reports/belonging.ts'
import { isExact, reconcile } from '../../src/reports/reconcile.ts'
import { sparseBits } from '../../src/reports/sparse-bits.ts'
import { judge } from '../../src/reports/verdict.ts'
import { addOrder, emptyDashboard, topProducts } from '../../src/system/dashboard.ts'
import type { StoredOrder } from '../../src/system/event.ts'
import { idsIn } from '../../src/selftest/request-reader.ts'
import { runRecord } from './records.ts'

const SEED = 13
const TAG = 0x4711
const START_MS = Date.UTC(2026, 10, 21, 7)
const EVENTS = 200
const CALLERS = [
  { share: 3, headers: {}, owner: 'a', noisy: true },
  { share: 2, headers: {}, owner: 'b' },
  { share: 1, headers: {}, owner: 'c' },
]
const phase = (name: string, durationMs: number, noisyShare?: number): LoadPhase => ({ name, durationMs, shape: { kind: 'constant', rate: 1 }, ...(noisyShare !== undefined && { noisyShare }) })
const PLAN: Pick<LoadPlan, 'callers' | 'seed' | 'startAtMs' | 'phases'> = { callers: CALLERS, seed: SEED, startAtMs: START_MS, phases: [phase('calm', 100), phase('noisy', 100, 0.9)] }
const HISTORY = historyOf({ orders: 60, seed: SEED, toMs: START_MS - 1_000 })
const GUESTS = ['guest-1', 'guest-2']
/** Commuters, and an office. */
const SOURCES = [0, 1]

const input = { plan: PLAN, events: () => EVENTS, history: HISTORY, guests: GUESTS }
const owners = belonging(input)!
const past: StoredOrder[] = []
for await (const batch of historyOrders(HISTORY, undefined, undefined, historyOwner(CALLERS, SEED))) past.push(...batch.map((order) => ({ ...order, persistedAtMs: START_MS - 500 })))

function rowOf(source: number, sequence: number): StoredOrder {
  // All events of an office visit are due at once.
  const first = source === 1 ? visits().findLast((one) => one <= sequence)! : sequence
  const id = orderIdWriter(TAG, source)(START_MS + first, sequence)
  const parts = parseOrderId(id)!
  return { ...orderBody(SEED, id, parts), owner: owners.ownerOf(parts), persistedAtMs: START_MS + sequence + 5 }
}

function visits(): number[] {
  const firsts: number[] = []
  for (let first = 0; first < EVENTS; first += officeOrders(SEED, first)) firsts.push(first)
  return firsts
}

const own = SOURCES.flatMap((source) => Array.from({ length: EVENTS }, (_, n) => rowOf(source, n)))
const elsewhere = ({ owner, ...row }: StoredOrder): StoredOrder => ({ ...row, owner: owner === 'a' ? 'b' : 'a' })

async function account(rows: readonly StoredOrder[], fate: Fate = OK, belongs: typeof owners | 'nobody' = owners) {
  const counts: [number, number, number, number] = [0, 0, 0, 0]
  counts[fate] = EVENTS * SOURCES.length
  const ledger: Ledger = { sources: SOURCES, events: () => EVENTS, fate: () => fate, counts: () => counts }
  const dashboard = emptyDashboard()
  for (const order of rows) addOrder(dashboard, order)
  return reconcile({
    seed: SEED, runTag: TAG, history: HISTORY, ledger, ...(belongs !== 'nobody' && { belonging: belongs }), timesOf: async () => new Map(),
    persisted: (async function* () {
      for (let at = 0; at < rows.length; at += 7) yield rows.slice(at, at + 7)
    })(),
    dashboard: { ...dashboard, top: topProducts(dashboard.byProduct) }, seen: [], loadFromMs: START_MS, loadToMs: START_MS + 200,
  })
}

describe('whose an event is', () => {
  test('follows from its id, and is what the injector sends it as, whoever that is in its phase', () => {
    const writer = requestWriter({ ...PLAN, callers: CALLERS.map((caller) => ({ ...caller, headers: { 'X-Owner': caller.owner } })), baseUrl: 'http://127.0.0.1:1', path: '/api/v4', headers: {}, runTag: TAG, injector: 0 })
    const check = (request: string) => {
      const sender = /\r\nX-Owner: (\w)\r\n/.exec(request)![1]
      for (const id of idsIn(request)) expect(owners.ownerOf(parseOrderId(id)!)).toBe(sender)
    }
    for (let n = 0; n < EVENTS; n++) check(writer.commuter(n, START_MS + n))
    for (const first of visits()) check(writer.office(first, officeOrders(SEED, first), START_MS + first))
    // Of a hundred commuters in the noisy phase.
    expect(own.slice(100, 200).filter(({ owner }) => owner === 'a').length).toBeGreaterThan(80)
  })

  test('of history: by the shares of the callers alone', () => {
    const pick = callerPicker(CALLERS, SEED)
    expect(past.map(({ owner }) => owner)).toEqual(past.map(({ id }) => CALLERS[pick(0, parseOrderId(id)!.sequence)]!.owner))
    expect(new Set(past.map(({ owner }) => owner)).size).toBe(3)
  })

  test('is nobody’s where no caller owns anything', () => {
    expect(belonging({ ...input, plan: { ...PLAN, callers: [] } })).toBeUndefined()
    expect(belonging({ ...input, plan: { ...PLAN, callers: CALLERS.map(({ owner: _, ...caller }) => caller) } })).toBeUndefined()
  })
})

describe('reconcile', () => {
  test('everything with whom it belongs to: exact, and none leaked', async () => {
    const accounting = await account([...past, ...own])
    expect(accounting).toMatchObject({ stored: 400, lost: 0, leaked: 0, unexpected: 0, miscounted: [], history: { stored: 60, lost: 0 } })
    expect(isExact(accounting)).toBe(true)
    expect(accounting.guests).toBeUndefined()
  })

  test('with somebody else instead: leaked and nothing else, named with both', async () => {
    const accounting = await account([...past, ...own.with(7, elsewhere(own[7]!))])
    expect(accounting).toMatchObject({ stored: 399, leaked: 1, lost: 0, duplicated: 0, unexpected: 0, miscounted: [] })
    expect(accounting.examples.leaked).toEqual([`${own[7]!.id} of ${own[7]!.owner}, stored for ${elsewhere(own[7]!).owner}`])
    expect(isExact(accounting)).toBe(false)
    const verdict = judge(runRecord({ accounting }))
    expect(verdict).toMatchObject({ outcome: 'failed', exitCode: 7 })
    expect(verdict.reasons[0]).toContain('1 leaked (stored for somebody else than who sent them)')
  })

  test.each([['after', 1], ['before', 0]])('with somebody else as well, read %s its own row: leaked, and no duplicate', async (_, at) => {
    const accounting = await account([...past, ...own.toSpliced(7 + at, 0, elsewhere(own[7]!))])
    expect(accounting).toMatchObject({ stored: 400, leaked: 1, lost: 0, duplicated: 0, miscounted: [] })
  })

  test('with nobody: leaked', async () => {
    expect(await account([...past, ...own.with(3, { ...own[3]!, owner: undefined })])).toMatchObject({ leaked: 1, stored: 399, lost: 0 })
  })

  test('an order of history with somebody else: leaked, and not lost', async () => {
    expect(await account([...past.with(5, elsewhere(past[5]!)), ...own])).toMatchObject({ leaked: 1, unexpected: 0, miscounted: [], history: { stored: 59, lost: 0, duplicated: 0 } })
  })

  test.each([['refused', REJECTED, 'phantom'], ['never sent', NEVER_SENT, 'unexpected']] as const)('%s, yet stored with somebody else: leaked, and nothing else', async (_, fate, other) => {
    expect(await account([...past, elsewhere(own[0]!)], fate)).toMatchObject({ leaked: 1, [other]: 0 })
  })

  test('what guests store in their own names is no part of it, but of the dashboard', async () => {
    const guest = { ...own[0]!, id: randomUUID(), owner: 'guest-2' }
    const accounting = await account([...past, ...own, guest])
    expect(accounting).toMatchObject({ guests: 1, leaked: 0, unexpected: 0, stored: 400, miscounted: [] })
    expect(isExact(accounting)).toBe(true)
  })

  test.each([
    ['an event of the run with a guest', { ...own[0]!, owner: 'guest-1' }, { leaked: 1, unexpected: 0 }],
    ['an id of nobody known with a caller', { ...own[0]!, id: randomUUID() }, { leaked: 0, unexpected: 1 }],
    ['an id of nobody known with who is neither', { ...own[0]!, id: randomUUID(), owner: 'stranger' }, { leaked: 0, unexpected: 1 }],
  ])('%s', async (_, row, expected) => expect(await account([...past, ...own, row])).toMatchObject(expected))

  test('where nothing belongs to anybody there is nothing to leak', async () => {
    expect((await account([...past, ...own.map(elsewhere)], OK, 'nobody')).leaked).toBeUndefined()
  })

  test('whatever is where it does not belong, the sums are those of a naive count', async () => {
    const event = fc.record({ own: fc.boolean(), foreign: fc.integer({ min: 0, max: 2 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 20, maxLength: 20 }), async (events) => {
        const kept = own.slice(events.length)
        const rows = events.flatMap(({ own: isOwn, foreign }, n) => {
          const others = ['a', 'b', 'c'].filter((owner) => owner !== own[n]!.owner).slice(0, foreign).map((owner) => ({ ...own[n]!, owner }))
          return isOwn ? [...others, own[n]!] : others
        })
        expect(await account([...past, ...rows, ...kept])).toMatchObject({
          leaked: events.reduce((sum, { foreign }) => sum + foreign, 0),
          stored: kept.length + events.filter((one) => one.own).length,
          lost: events.filter((one) => !one.own && one.foreign === 0).length,
          duplicated: 0,
          miscounted: [],
        })
      }),
    )
  })
})

test('sparse bits hold what a set does', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 200_000 })), fc.array(fc.integer({ min: 0, max: 200_000 })), (set, asked) => {
      const bits = sparseBits()
      for (const n of set) bits.set(n)
      for (const n of [...set, ...asked]) expect(bits.has(n)).toBe(set.includes(n))
    }),
  )
})
