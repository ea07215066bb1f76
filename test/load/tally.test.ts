import { describe, expect, test } from 'vitest'
import { tally } from '../../src/load/tally.ts'
import type { LoadPhase } from '../../src/load/control.ts'

const phases: LoadPhase[] = ['a', 'b'].map((name) => ({ name, durationMs: 1_000, shape: { kind: 'constant', rate: 1 } }))

test('counts add up at every step', () => {
  const counted = tally(phases)
  const { events } = counted
  const balanced = () => events.scheduled === events.ok + events.rejected + events.unknown + events.neverSent + events.inFlight
  counted.scheduled(events, 7, 0)
  expect(balanced()).toBe(true)
  counted.sent(events, 7)
  counted.ended(events, 3, 'ok', 0)
  expect(balanced()).toBe(true)
  counted.ended(events, 4, 'unknown', 0)
  expect(events).toEqual({ scheduled: 7, sent: 7, ok: 3, rejected: 0, unknown: 4, neverSent: 0, inFlight: 0 })
})

test('events are counted for the phase they belong to, reads are not', () => {
  const counted = tally(phases)
  counted.scheduled(counted.events, 2, 0)
  counted.scheduled(counted.events, 5, 1)
  counted.scheduled(counted.reads, 9, 1)
  counted.ended(counted.events, 2, 'ok', 0)
  counted.ended(counted.events, 5, 'neverSent', 1)
  expect(counted.drain().map((series) => series.events)).toEqual([
    { scheduled: 2, ok: 2, rejected: 0, unknown: 0, neverSent: 0 },
    { scheduled: 5, ok: 0, rejected: 0, unknown: 0, neverSent: 5 },
  ])
  expect(counted.drain()).toEqual([])
})

test('how late the timer came is kept by phase', () => {
  const counted = tally(phases)
  counted.look(1_500_000)
  counted.late(3_000)
  const [first, second] = counted.drain()
  expect(first?.loopDelay).toBeUndefined()
  expect(second?.loopDelay).toBeDefined()
})

describe('looking at the sockets', () => {
  test('about every 10 ms, in the phase that is on; requests count for the phase they belong to', () => {
    const counted = tally(phases)
    counted.watch((seen) => [0, 0, 0].forEach(seen))
    for (let us = 0; us <= 3_000_000; us += 500) counted.look(us)
    const [first, second] = counted.drain()
    expect(first!.inFlightSamples).toBeGreaterThan(85)
    expect(first!.inFlightSamples).toBeLessThan(115)
    // After the last phase nothing is sampled any more, but what is still open belongs to its phase.
    expect(first!.inFlightSum / 3).toBeGreaterThan(255)
    expect(second!.inFlightSum).toBe(0)
    expect(second!.inFlightSamples).toBeGreaterThan(85)
  })

  test('moments passed in a stall all see what is open at its end', () => {
    const counted = tally(phases)
    counted.watch((seen) => seen(0))
    counted.look(500_000)
    const [series] = counted.drain()
    expect(series!.inFlightSum).toBe(series!.inFlightSamples)
    expect(series!.inFlightSamples).toBeGreaterThan(30)
  })

  test('a tick that sends and a fast server do not fool it: 5 requests of 100 µs every 1,000 µs are 0.5 open', () => {
    const counted = tally([{ ...phases[0]!, durationMs: 20_000 }])
    let open = 0
    counted.watch((seen) => {
      for (let i = 0; i < open; i++) seen(0)
    })
    for (let tick = 0; tick < 20_000; tick++) {
      counted.look(tick * 1_000)
      open = 5
      counted.look(tick * 1_000 + 100)
      open = 0
    }
    const [series] = counted.drain()
    expect(series!.inFlightSum / series!.inFlightSamples).toBeGreaterThan(0.4)
    expect(series!.inFlightSum / series!.inFlightSamples).toBeLessThan(0.6)
  })

  test('sockets no longer watched are not seen', () => {
    const counted = tally(phases)
    const unwatch = counted.watch((seen) => seen(0))
    unwatch()
    counted.look(100_000)
    expect(counted.drain()[0]!.inFlightSum).toBe(0)
  })
})

test('failures are counted by kind; the first thing said is kept', () => {
  const counted = tally(phases)
  counted.failed('503', 'backlog full')
  counted.failed('503', 'other')
  counted.failed('timeout')
  expect([counted.errors, counted.errorSamples]).toEqual([{ 503: 2, timeout: 1 }, { 503: 'backlog full' }])
})
