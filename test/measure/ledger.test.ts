import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LedgerPatch } from '../../src/load/control.ts'
import { fates, NEVER_SENT, OK, REJECTED, sourceLedger, timesIn, UNKNOWN, type Fate } from '../../src/measure/ledger.ts'
import { createLedgerFile, readLedger, sequencesIn, timesOf } from '../../src/measure/ledger-file.ts'

let folder: string
let files = 0
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'ledger-'))))
afterAll(() => rmSync(folder, { recursive: true }))
const newPath = () => join(folder, `ledger-${files++}.bin`)

function write(path: string, patches: readonly (LedgerPatch | undefined)[]): void {
  using file = createLedgerFile(path)
  for (const patch of patches) if (patch) file.append(patch)
  file.sync()
}

describe('fates', () => {
  test('beyond the end: never sent', () => expect(fates().get(123_456_789)).toBe(NEVER_SENT))

  test('10 million events cost less than 4 MB', () => {
    const held = fates()
    for (let event = 0; event < 10_000_000; event++) held.set(event, OK)
    expect(held.bytes(0, 2_500_000).every((byte) => byte === 0b10101010)).toBe(true)
    // Growing by half: never more than 1.5 × 2.5 MB.
    expect(held.bytes(2_500_000, 2_500_001)).toEqual(Buffer.from([0]))
  })

  test('neighbours in a byte do not disturb each other', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 0, max: 3 })), { maxLength: 100 }), (writes) => {
        const held = fates()
        const expected: number[] = Array(41).fill(NEVER_SENT)
        for (const [event, fate] of writes) {
          held.set(event, fate as Fate)
          expected[event] = fate
        }
        expect(expected.map((_, event) => held.get(event))).toEqual(expected)
      }),
    )
  })
})

describe('patches', () => {
  test('nothing changed, nothing shipped', () => {
    const ledger = sourceLedger(8)
    expect(ledger.patch()).toBeUndefined()
    ledger.append(1_000)
    expect(ledger.patch()).toBeDefined()
    expect(ledger.patch()).toBeUndefined()
  })

  test('only the dirty bytes are shipped', () => {
    const ledger = sourceLedger(8)
    for (let i = 0; i < 100; i++) ledger.append(1_000)
    ledger.patch()
    ledger.set(41, OK)
    ledger.set(50, REJECTED)
    const patch = ledger.patch()!
    expect([patch.fromByte, Buffer.from(patch.states, 'base64').length, patch.times, patch.events]).toEqual([10, 3, '', 100])
  })

  test('an event before the one before it is refused', () => {
    const ledger = sourceLedger(8)
    ledger.append(1_000)
    expect(() => ledger.append(999)).toThrow(/before/)
  })
})

/** A life of a source: appended with a gap, given a fate, shipped from time to time. */
const step = fc.oneof(
  fc.record({ gapMs: fc.oneof(fc.nat(300), fc.nat(2 ** 32 - 1)) }),
  fc.record({ event: fc.nat(200), fate: fc.constantFrom(UNKNOWN, OK, REJECTED) }),
  fc.record({ ship: fc.constant(true) }),
)

test('what is read from the file is what happened, fates and times, however it was cut into patches', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), step), { maxLength: 200 }), async (steps) => {
      const ledgers = [3, 500, 1023].map(sourceLedger)
      const truth = ledgers.map(() => [] as { timeMs: number; fate: Fate }[])
      const path = newPath()
      const patches: (LedgerPatch | undefined)[] = []
      for (const [which, step] of steps) {
        const events = truth[which]!
        if ('gapMs' in step) {
          const timeMs = (events.at(-1)?.timeMs ?? 1.79e12) + step.gapMs
          expect(ledgers[which]!.append(timeMs)).toBe(events.length)
          events.push({ timeMs, fate: NEVER_SENT })
        } else if ('event' in step) {
          const event = events[step.event % Math.max(1, events.length)]
          if (event) ledgers[which]!.set(events.indexOf(event), (event.fate = step.fate))
        } else patches.push(ledgers[which]!.patch())
      }
      patches.push(...ledgers.map((ledger) => ledger.patch()))
      write(path, patches)

      const read = await readLedger(path)
      const counts = [0, 0, 0, 0]
      const wanted = truth.flatMap((events, which) => events.map((_, sequence) => ({ source: ledgers[which]!.source, sequence })))
      const times = await timesOf(path, wanted)
      for (const [which, events] of truth.entries()) {
        const { source } = ledgers[which]!
        expect(read.events(source)).toBe(events.length)
        for (const [sequence, { timeMs, fate }] of events.entries()) {
          expect(read.fate(source, sequence)).toBe(fate)
          expect(times.get(source)?.get(sequence)).toBe(timeMs)
          counts[fate]!++
        }
        expect(read.fate(source, events.length)).toBeUndefined()
      }
      expect(read.counts()).toEqual(counts)
    }),
    { numRuns: 40 },
  )
})

describe('files', () => {
  function threeSeconds(): { path: string; patches: LedgerPatch[] } {
    const ledger = sourceLedger(8)
    const path = newPath()
    const patches = [0, 1, 2].map((second) => {
      for (let i = 0; i < 1_000; i++) ledger.set(ledger.append(1.79e12 + second * 1_000 + i), UNKNOWN)
      for (let i = 0; i < 1_000; i++) if (second > 0) ledger.set(second * 1_000 - 1 - i, OK)
      return ledger.patch()!
    })
    write(path, patches)
    return { path, patches }
  }

  test('wherever the file is cut off, all whole records are read', async () => {
    const { path } = threeSeconds()
    const whole = readFileSync(path)
    for (const cut of [13, 50, 1_400, 2_000, whole.length - 1]) {
      writeFileSync(path, whole)
      truncateSync(path, cut)
      const read = await readLedger(path)
      expect(read.events(8) % 1_000).toBe(0)
    }
    writeFileSync(path, whole)
    expect((await readLedger(path)).counts()).toEqual([0, 1_000, 2_000, 0])
  })

  test('a last record of the right length whose bytes never reached the disk is left out', async () => {
    const { path } = threeSeconds()
    const whole = readFileSync(path)
    whole.fill(0, whole.length - 500)
    writeFileSync(path, whole)
    expect((await readLedger(path)).events(8)).toBe(2_000)
  })

  test('damage before the end is an error that names the place', async () => {
    const { path } = threeSeconds()
    const whole = readFileSync(path)
    whole[100]! ^= 1
    writeFileSync(path, whole)
    await expect(readLedger(path)).rejects.toThrow(/damaged record at byte 12/)
  })

  test('another file, or a later version, is refused', async () => {
    const other = newPath()
    writeFileSync(other, 'LABLEDGX\x01\0\0\0')
    await expect(readLedger(other)).rejects.toThrow(/not a ledger/)
    writeFileSync(other, 'LABLEDGR\x02\0\0\0')
    await expect(readLedger(other)).rejects.toThrow(/version 2/)
    writeFileSync(other, '')
    await expect(readLedger(other)).rejects.toThrow(/not a ledger/)
  })

  test('an existing file is never overwritten, and a ledger without records is empty', async () => {
    const path = newPath()
    write(path, [])
    expect(() => createLedgerFile(path)).toThrow(/EEXIST/)
    expect((await readLedger(path)).sources).toEqual([])
    appendFileSync(path, Buffer.alloc(5))
    expect((await readLedger(path)).sources).toEqual([])
  })
})

test('a stretch of time is a stretch of sequences, source by source', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ source: fc.constantFrom(8, 9), gapMs: fc.integer({ min: 0, max: 300 }), ship: fc.boolean() }), { minLength: 1, maxLength: 80 }), fc.array(fc.record({ fromMs: fc.option(fc.integer({ min: 990, max: 4_000 }), { nil: undefined }), lastsMs: fc.option(fc.nat(2_000), { nil: undefined }) }), { minLength: 1, maxLength: 3 }), async (events, drawn) => {
      const path = newPath()
      const ledgers = new Map([8, 9].map((source) => [source, sourceLedger(source)]))
      const due = new Map<number, number[]>([[8, []], [9, []]])
      const patches: (LedgerPatch | undefined)[] = []
      let nowMs = 1_000
      for (const { source, gapMs, ship } of events) {
        ledgers.get(source)!.append((nowMs += gapMs))
        due.get(source)!.push(nowMs)
        if (ship) patches.push(ledgers.get(source)!.patch())
      }
      patches.push(...[...ledgers.values()].map((ledger) => ledger.patch()))
      write(path, patches)
      const stretches = drawn.map(({ fromMs, lastsMs }) => ({ fromMs, toMs: lastsMs === undefined ? undefined : (fromMs ?? 1_000) + lastsMs }))
      const found = await sequencesIn(path, stretches)
      for (const [source, times] of due) {
        for (const [i, { fromMs = -Infinity, toMs = Infinity }] of stretches.entries()) {
          const inside = times.flatMap((timeMs, sequence) => (timeMs >= fromMs && timeMs <= toMs ? [sequence] : []))
          const [from, to] = found.get(source)?.[i] ?? [0, 0]
          expect(times.flatMap((_, sequence) => (sequence >= from && sequence < to ? [sequence] : []))).toEqual(inside)
        }
      }
    }),
    { numRuns: 60 },
  )
})

test('times stop where the bytes stop', () => {
  expect([...timesIn(1_000, Buffer.from([0, 5, 255, 0, 1, 0, 0, 7]))]).toEqual([1_000, 1_005, 1_261, 1_268])
  expect([...timesIn(1_000, Buffer.from([5, 255, 0, 1]))]).toEqual([1_005])
})
