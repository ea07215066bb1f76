import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allowedLoss } from '../../src/reports/allowed-loss.ts'
import type { Outage } from '../../src/run/outages.ts'
import type { Guarantee } from '../../src/system/architecture.ts'

const away = (fromMs: number, toMs?: number, how: Outage['how'] = 'killed', service = 'consumer'): Outage => ({ service, replica: 1, how, fromMs, ...(toMs !== undefined && { toMs }) })
const may = (patch: Partial<Exclude<Guarantee['mayLose'], false>> = {}): Guarantee['mayLose'] => ({ after: ['consumer'], says: '', ...patch })
const windows = (mayLose: Guarantee['mayLose'], outages: Outage[], stored: [dueMs: number, persistedAtMs: number][] = [], slowest = 0) => {
  const loss = allowedLoss(mayLose, outages, () => slowest)
  for (const [dueMs, persistedAtMs] of stored) loss.add(dueMs, persistedAtMs)
  return loss.windows()
}

describe('what may be missing', () => {
  test('nothing, where nothing may be lost', () => expect(windows(false, [away(100, 200)])).toEqual([]))
  test('nothing, when something else went away', () => expect(windows(may(), [away(100, 200, 'killed', 'api')])).toEqual([]))
  test('nothing after a pause, unless the guarantee says so', () => {
    expect(windows(may({ reachesBackMs: 0 }), [away(100, 200, 'paused')])).toEqual([])
    expect(windows(may({ reachesBackMs: 0, evenPaused: true }), [away(100, 200, 'paused')])).toEqual([{ service: 'consumer', fromMs: 100, toMs: 200 }])
    expect(windows(may({ reachesBackMs: 0, evenPaused: true }), [away(100, 200, 'cut')])).toEqual([])
    expect(windows(may({ reachesBackMs: 0, evenCut: true }), [away(100, 200, 'cut'), away(300, 400, 'paused')])).toEqual([{ service: 'consumer', fromMs: 100, toMs: 200 }])
  })
  test('from the newest event that was stored before, whatever was stored later', () => {
    const stored: [number, number][] = [[70, 75], [90, 95], [80, 99], [95, 101], [210, 215]]
    expect(windows(may(), [away(100, 200)], stored)).toEqual([{ service: 'consumer', fromMs: 90, toMs: 200 }])
  })
  test('an accepted event was due up to the slowest answer earlier', () => expect(windows(may(), [away(100, 200)], [[90, 95]], 30)).toEqual([{ service: 'consumer', fromMs: 60, toMs: 200 }]))
  test('from the beginning, when nothing had been stored', () => expect(windows(may(), [away(100, 200)], [[150, 210]])).toEqual([{ service: 'consumer', toMs: 200 }]))
  test('everything until it was back', () => expect(windows(may({ reachesBackMs: 'everything' }), [away(100, 200)], [[90, 95]])).toEqual([{ service: 'consumer', toMs: 200 }]))
  test('a bounded time before it went away', () => expect(windows(may({ reachesBackMs: 60 }), [away(100, 200)], [[90, 95]])).toEqual([{ service: 'consumer', fromMs: 40, toMs: 200 }]))
  test('until others have found it again', () => expect(windows(may({ reachesBackMs: 0, reachesOnMs: { consumer: 50, other: 70 } }), [away(100, 200)])).toEqual([{ service: 'consumer', fromMs: 100, toMs: 250 }]))
  test('to the end, when it never came back', () => expect(windows(may({ reachesBackMs: 0 }), [away(100)])).toEqual([{ service: 'consumer', fromMs: 100 }]))
  test('each outage has its own', () => {
    const stored: [number, number][] = [[90, 95], [290, 295]]
    expect(windows(may(), [away(100, 200), away(300, 400, 'died')], stored)).toEqual([{ service: 'consumer', fromMs: 90, toMs: 200 }, { service: 'consumer', fromMs: 290, toMs: 400 }])
  })
})

test('a consumer that keeps order: all that it can have lost lies inside, all that it stored before its last commit outside', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ gapMs: fc.integer({ min: 0, max: 20 }), latencyMs: fc.integer({ min: 0, max: 50 }) }), { minLength: 1, maxLength: 60 }), fc.nat(60), fc.nat(20), fc.integer({ min: 0, max: 200 }), (arrivals, committed, held, awayMs) => {
      // Accepted in this order; the first `committed` were stored, the next `held` were held uncommitted when it was killed, the rest came while it was away.
      let dueMs = 1_000
      const events = arrivals.map(({ gapMs, latencyMs }) => ({ dueMs: (dueMs += gapMs), latencyMs }))
      const accepted = events.map((event) => ({ ...event, atMs: event.dueMs + event.latencyMs })).sort((a, b) => a.atMs - b.atMs)
      const killedAtMs = accepted[Math.min(committed + held, accepted.length - 1)]!.atMs
      const stored = accepted.slice(0, committed)
      const loss = allowedLoss(may(), [away(killedAtMs, killedAtMs + awayMs)], () => Math.max(...accepted.map(({ latencyMs }) => latencyMs)))
      for (const event of stored) loss.add(event.dueMs, event.atMs)
      const [{ fromMs = -Infinity, toMs = Infinity } = {}] = loss.windows()
      for (const lost of accepted.slice(committed)) if (lost.atMs <= killedAtMs + awayMs) expect(lost.dueMs >= fromMs && lost.dueMs <= toMs).toBe(true)
    }),
  )
})
