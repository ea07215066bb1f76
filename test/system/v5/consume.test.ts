import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readNote, writeNote } from '../../../src/system/architectures/v5-kafka-clickhouse/consume/cut-note.ts'
import { skew } from '../../../src/system/architectures/v5-kafka-clickhouse/consume/figures.ts'
import { createIdTable } from '../../../src/system/architectures/v5-kafka-clickhouse/consume/id-table.ts'
import { createSeen, timeIn, upperTimeOf, uuidAt, uuidIn } from '../../../src/system/architectures/v5-kafka-clickhouse/consume/seen.ts'
import { whereToBegin } from '../../../src/system/architectures/v5-kafka-clickhouse/consume/tenure.ts'
import { nextInTurn } from '../../../src/system/architectures/v5-kafka-clickhouse/consume/turns.ts'

const bytesOf = (uuid: string): Buffer => Buffer.from(uuid.replaceAll('-', ''), 'hex')
const timed = (ms: number, tail = 0): Buffer => {
  const bytes = Buffer.alloc(16)
  bytes.writeUIntBE(ms, 0, 6)
  bytes[6] = 0x70
  bytes.writeUInt32BE(tail, 12)
  return bytes
}

describe('ids that were seen', () => {
  it('a table of ids says of each whether it was there, as a Set of strings does', () => {
    fc.assert(fc.property(fc.array(fc.nat(3_000), { maxLength: 4_000 }), (numbers) => {
      const table = createIdTable()
      const set = new Set<string>()
      for (const number of numbers) {
        const id = timed(number % 7, number)
        expect(table.has(id, 0)).toBe(set.has(id.toString('hex')))
        expect(table.add(id, 0)).toBe(!set.has(id.toString('hex')))
        set.add(id.toString('hex'))
      }
      expect(table.size()).toBe(set.size)
    }), { numRuns: 30 })
  })

  it('is never wrong about an id it tells of, and the store has those it does not', () => {
    const step = fc.oneof(
      { weight: 10, arbitrary: fc.record({ time: fc.nat(60), tail: fc.nat(2), v4: fc.boolean() }) },
      { weight: 2, arbitrary: fc.constant('stored' as const) },
      { weight: 1, arbitrary: fc.constant('later' as const) },
    )
    const history = fc.array(fc.nat(60), { maxLength: 5 })
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), history, fc.integer({ min: 1, max: 10 }), (steps, before, held) => {
      const stored = new Set(before.map((time) => timed(time).toString('hex')))
      const came = new Set(stored)
      const newest = (ceiling: number) => Math.max(-1, ...[...stored].map((it) => timeIn(Buffer.from(it, 'hex'), 0)).filter((ms) => ms < ceiling))
      let ceiling = 30
      const seen = createSeen(newest(ceiling), ceiling, held)
      const waiting: string[] = []
      let offset = 0
      for (const it of steps) {
        if (it === 'stored') {
          for (const id of waiting.splice(0)) stored.add(id)
          seen.stored(offset)
        } else if (it === 'later') {
          ceiling += 10
          seen.widen(ceiling)
          seen.trust(newest(ceiling))
        } else {
          const id = timed(it.time, it.tail)
          if (it.v4) id[6] = 0x40
          const key = id.toString('hex')
          const verdict = seen.judge(id, 0)
          if (verdict === 'new') expect(came.has(key)).toBe(false)
          if (verdict === 'known') expect(came.has(key)).toBe(true)
          if (verdict === 'ask') expect(waiting).not.toContain(key)
          if (!came.has(key)) {
            seen.add(id, 0, offset++)
            waiting.push(key)
          }
          came.add(key)
        }
      }
    }), { numRuns: 500 })
  })

  it('asks for nothing while ids come nearly in order, and holds a bounded number of them', () => {
    const seen = createSeen(999, 1e12, 100)
    for (let i = 0; i < 5_000; i++) {
      const id = timed(1_000 + i + (i % 7) * 5, i)
      expect(seen.judge(id, 0)).toBe('new')
      seen.add(id, 0, i)
      if (i % 50 === 0) seen.stored(i)
    }
    expect(seen.held()).toBeLessThanOrEqual(250)
  })

  it('reads times of UUIDs', () => {
    const id = '019a2b3c-4d5e-7fff-8000-000000000001'
    expect(uuidIn(bytesOf(id), 0)).toBe(id)
    expect(timeIn(bytesOf(id), 0)).toBe(0x019a2b3c4d5e)
    expect(upperTimeOf(id)).toBe(0x019a2b3c4d5e)
    expect(upperTimeOf(undefined)).toBe(-1)
    expect(uuidAt(0x019a2b3c4d5e) <= id).toBe(true)
    expect(timeIn(bytesOf(randomUUID()), 0)).toBe(-1)
  })
})

describe('where a partition is taken over', () => {
  const note = { to: 150, token: 't' }
  it.each([
    ['nothing yet', undefined, 0, 0, { from: 0, note: undefined }],
    ['at the committed offset', { offset: 100, metadata: '' }, 90, 120, { from: 100, note: undefined }],
    ['with a cut that was being inserted, and is in', { offset: 100, metadata: writeNote(note) }, 150, 200, { from: 100, note }],
    ['with a cut that was being inserted, and is not', { offset: 100, metadata: writeNote(note) }, 90, 200, { from: 100, note }],
    ['where the offsets of the group are gone', undefined, 150, 200, { from: 150, note: undefined }],
    ['where the group was set back', { offset: 10, metadata: '' }, 150, 200, { from: 150, note: undefined }],
  ])('%s', (_, committed, reached, end, expected) => {
    expect(whereToBegin(3, committed, reached, end)).toEqual(expected)
  })

  it('nowhere, where the topic is another one', () => {
    expect(() => whereToBegin(3, undefined, 150, 20)).toThrow(/partition 3 of the topic ends at 20, and up to 150 is stored/)
  })

  it('a note is nothing, ours, or refused', () => {
    expect(readNote('')).toBeUndefined()
    expect(readNote(writeNote(note))).toEqual(note)
    for (const other of ['x', 'null', '{"to":1}', '{"token":"a","to":"1"}']) expect(() => readNote(other)).toThrow(/somebody else commits/)
  })
})

describe('turns', () => {
  const waiting = (name: string, sinceMs: number | undefined, whole = false, orders = 1) =>
    ({ name, whole: () => whole, orders: () => orders, waitingSinceMs: () => sinceMs })
  it.each([
    ['nobody waits', [waiting('a', undefined)], 0, undefined],
    ['not long enough', [waiting('a', 9_100)], 0, undefined],
    ['the one that has waited longest', [waiting('a', 8_500), waiting('b', 8_000)], 0, 'b'],
    ['not so soon after another small one', [waiting('a', 8_500)], 9_800, undefined],
    ['a whole one at once', [waiting('a', 8_000), waiting('b', 9_990, true)], 9_990, 'b'],
    ['the largest of whole ones', [waiting('a', 9_990, true, 5), waiting('b', 9_995, true, 9)], 9_990, 'b'],
  ])('%s', (_, tenures, turnMs, expected) => {
    expect(nextInTurn(tenures, 10_000, turnMs, 1_000)?.name).toBe(expected)
  })

  it('skew is the largest by the mean', () => {
    expect([skew([]), skew([0, 0]), skew([4, 4]), skew([8, 0])]).toEqual([0, 0, 1, 2])
  })
})
