import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createBucket } from '../../src/link/bucket.ts'
import { createLane, NO_DELAYS, type Delays, type Item } from '../../src/link/lane.ts'

const bytesOf = (text: string): Item => ({ kind: 'data', bytes: Buffer.from(text) })
const textOf = (item: Item | undefined) => (item?.kind === 'data' ? Buffer.from(item.bytes).toString() : item?.kind)

describe('a lane', () => {
  test('without delays everything may leave at once', () => {
    const lane = createLane(() => 0.5)
    lane.push(bytesOf('ab'), 10)
    lane.push({ kind: 'end' }, 10)
    expect([lane.heldBytes, lane.nextMs()]).toEqual([2, 10])
    expect([textOf(lane.take(10, Infinity)), textOf(lane.take(10, Infinity)), lane.take(10, Infinity)]).toEqual(['ab', 'end', undefined])
    expect(lane.isEmpty).toBe(true)
  })

  test('a delay is of each chunk, not of the first alone', () => {
    const lane = createLane(() => 0.5)
    lane.change({ ...NO_DELAYS, delayMs: 200 })
    lane.push(bytesOf('a'), 0)
    lane.push(bytesOf('b'), 150)
    expect([lane.nextMs(), lane.take(199, Infinity), textOf(lane.take(200, Infinity)), lane.nextMs(), lane.take(349, Infinity), textOf(lane.take(350, Infinity))]).toEqual([200, undefined, 'a', 350, undefined, 'b'])
  })

  test('what would overtake waits', () => {
    const luck = [1, 0]
    const lane = createLane(() => luck.shift()!)
    lane.change({ ...NO_DELAYS, delayMs: 100, jitterMs: 50 })
    lane.push(bytesOf('late'), 0)
    lane.push(bytesOf('early'), 10)
    expect(lane.take(149, Infinity)).toBeUndefined()
    expect([textOf(lane.take(150, Infinity)), textOf(lane.take(150, Infinity))]).toEqual(['late', 'early'])
  })

  test('healed, what is held leaves at once; a new delay makes nothing later that is held already', () => {
    const lane = createLane(() => 0.5)
    lane.change({ ...NO_DELAYS, delayMs: 500 })
    lane.push(bytesOf('a'), 0)
    lane.change({ ...NO_DELAYS, delayMs: 5_000 })
    expect(lane.nextMs()).toBe(500)
    lane.change(NO_DELAYS)
    expect(textOf(lane.take(1, Infinity))).toBe('a')
  })

  test('while it is held nothing leaves; afterwards all of it does', () => {
    const lane = createLane(() => 0.5)
    lane.change({ ...NO_DELAYS, hold: true })
    lane.push(bytesOf('a'), 0)
    expect([lane.nextMs(), lane.dueBytes(1e6), lane.take(1e6, Infinity)]).toEqual([undefined, undefined, undefined])
    lane.change(NO_DELAYS)
    expect(textOf(lane.take(1, Infinity))).toBe('a')
  })

  test('a slow close delays the end, not what comes before it', () => {
    const lane = createLane(() => 0.5)
    lane.change({ ...NO_DELAYS, closeMs: 5_000 })
    lane.push(bytesOf('a'), 0)
    lane.push({ kind: 'end' }, 0)
    expect([textOf(lane.take(0, Infinity)), lane.take(4_999, Infinity), textOf(lane.take(5_000, Infinity))]).toEqual(['a', undefined, 'end'])
  })

  const delays: fc.Arbitrary<Delays> = fc.record({ delayMs: fc.nat(500), jitterMs: fc.nat(500), closeMs: fc.nat(500), hold: fc.constant(false) }).map((one) => ({ ...one, jitterMs: Math.min(one.jitterMs, one.delayMs) }))
  const arrivals = fc.array(fc.record({ gapMs: fc.nat(300), text: fc.string({ minLength: 1, maxLength: 20 }) }), { minLength: 1, maxLength: 40 })

  test('whatever arrives when: in order, nothing lost or doubled, never earlier than asked, never later than asked or the one before', () => {
    fc.assert(
      fc.property(delays, arrivals, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 41, maxLength: 41 }), fc.integer({ min: 1, max: 30 }), ({ ...asked }, came, dice, mostBytes) => {
        const lane = createLane(() => dice.shift()!)
        lane.change(asked)
        let nowMs = 0
        const arrivedMs: number[] = []
        for (const { gapMs, text } of came) {
          nowMs += gapMs
          for (const _ of Buffer.from(text)) arrivedMs.push(nowMs)
          lane.push(bytesOf(text), nowMs)
        }
        lane.push({ kind: 'end' }, nowMs)
        const out: Buffer[] = []
        let at = 0
        let beforeMs = 0
        for (let dueMs = lane.nextMs(); dueMs !== undefined; dueMs = lane.nextMs()) {
          expect(lane.take(dueMs - 0.001, mostBytes)).toBeUndefined()
          const item = lane.take(dueMs, mostBytes)!
          if (item.kind === 'data') {
            expect(item.bytes.length).toBeLessThanOrEqual(mostBytes)
            expect(dueMs).toBeGreaterThanOrEqual(arrivedMs[at]! + asked.delayMs - asked.jitterMs)
            expect(dueMs).toBeLessThanOrEqual(Math.max(beforeMs, arrivedMs[at]! + asked.delayMs + asked.jitterMs))
            at += item.bytes.length
            out.push(Buffer.from(item.bytes))
          } else expect(dueMs).toBeGreaterThanOrEqual(nowMs + asked.closeMs)
          beforeMs = dueMs
        }
        expect(Buffer.concat(out).toString()).toBe(came.map(({ text }) => Buffer.from(text).toString()).join(''))
        expect([lane.isEmpty, lane.heldBytes]).toEqual([true, 0])
      }),
    )
  })

  test('however often its delays change meanwhile: in order, and nothing lost', () => {
    const steps = fc.array(fc.oneof(fc.record({ push: fc.string({ minLength: 1, maxLength: 9 }) }), fc.record({ change: delays }), fc.record({ take: fc.nat(400) })), { maxLength: 80 })
    fc.assert(
      fc.property(steps, (all) => {
        const lane = createLane(Math.random)
        let nowMs = 0
        let out = ''
        let pushed = ''
        const drain = (): void => {
          for (let item = lane.take(nowMs, 3); item !== undefined; item = lane.take(nowMs, 3)) out += Buffer.from((item as { bytes: Uint8Array }).bytes).toString('hex')
        }
        for (const step of all) {
          if ('push' in step) {
            lane.push(bytesOf(step.push), nowMs)
            pushed += Buffer.from(step.push).toString('hex')
          } else if ('change' in step) lane.change(step.change)
          else {
            nowMs += step.take
            drain()
          }
          expect(pushed.startsWith(out)).toBe(true)
        }
        nowMs += 2_000
        drain()
        expect(out).toBe(pushed)
      }),
    )
  })
})

describe('a bucket', () => {
  test('passes as much as the rate, in slices, and saves no more than 20 ms of it', () => {
    const bucket = createBucket(100_000, 0)
    expect([bucket.take(1e6, 0), bucket.take(1e6, 4), bucket.take(1e6, 8), bucket.take(1e6, 10_000)]).toEqual([0, 400, 400, 2_000])
  })

  test('over any stretch it passes no more than the rate and what it had saved; whoever asks every 5 ms gets all of it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 1e9 }), fc.array(fc.tuple(fc.nat(50), fc.nat(1e7)), { minLength: 2, maxLength: 60 }), (rate, asks) => {
        const bucket = createBucket(rate, 0)
        const passed: { atMs: number; bytes: number }[] = []
        let atMs = 0
        for (const [gapMs, wanted] of asks) {
          atMs += gapMs
          passed.push({ atMs, bytes: bucket.take(wanted, atMs) })
        }
        const saved = Math.max(1, rate * 0.02)
        for (const [i, from] of passed.entries()) {
          const sum = passed.slice(i).reduce((total, { bytes }) => total + bytes, 0)
          expect(sum).toBeLessThanOrEqual(saved + ((atMs - from.atMs) * rate) / 1_000 + 1e-6 * rate)
        }
      }),
    )
    const bucket = createBucket(250_000, 0)
    let sum = 0
    for (let atMs = 5; atMs <= 10_000; atMs += 5) sum += bucket.take(1e6, atMs)
    expect(sum).toBe(2_500_000)
  })
})
