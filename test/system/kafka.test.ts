import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createContext } from '../../src/system/context.ts'
import { bootstrapOf, worthTelling } from '../../src/system/kafka/connect.ts'
import { lagOf, skewOf } from '../../src/system/kafka/lag.ts'
import { partitionOfId } from '../../src/system/kafka/partition.ts'

describe('the partition of an id', () => {
  it('is one of those there are, and the same every time', () => {
    fc.assert(fc.property(fc.uuid(), fc.integer({ min: 1, max: 64 }), (id, partitions) => {
      const partition = partitionOfId(id, partitions)
      expect(partition).toBe(partitionOfId(id, partitions))
      expect(Number.isInteger(partition) && partition >= 0 && partition < partitions).toBe(true)
    }))
  })

  const hex = (value: number, width: number) => value.toString(16).padStart(width, '0')
  it.each([
    ['in sequence', (i: number) => `01939f00-0000-7abc-8000-00${hex(i, 10)}`],
    ['alike at the end, as UUIDs of one machine are', (i: number) => `${hex(i, 8)}-0000-1000-8000-0242ac130002`],
    ['alike but for the middle', (i: number) => `01939f00-${hex(i & 0xffff, 4)}-7abc-8000-000000000000`],
  ])('spreads ids %s over all partitions within 15 %%', (_, id) => {
    for (const partitions of [2, 4, 10, 64]) {
      const counts = new Array<number>(partitions).fill(0)
      const each = 1_000
      for (let i = 0; i < each * partitions && i < 65_536; i++) counts[partitionOfId(id(i), partitions)]! += 1
      const mean = Math.min(each * partitions, 65_536) / partitions
      for (const count of counts) expect(Math.abs(count - mean) / mean).toBeLessThan(0.15)
    }
  })
})

describe('brokers', () => {
  const env = { KAFKA_HOST: 'a', KAFKA_PORT: '1', KAFKA_2_HOST: 'b', KAFKA_2_PORT: '2', KAFKA_3_HOST: 'c', KAFKA_3_PORT: '3' }
  const context = (knobs: { brokers?: number }, given: Record<string, string> = env) => createContext({ env: given, knobs, signal: new AbortController().signal })
  it.each([
    [{}, ['a:1']],
    [{ brokers: 1 }, ['a:1']],
    [{ brokers: 3 }, ['a:1', 'b:2', 'c:3']],
  ])('with %o are %o', (knobs, expected) => expect(bootstrapOf(context(knobs))).toEqual(expected))
  it('that have no address are named', () => expect(() => bootstrapOf(context({ brokers: 3 }, { KAFKA_HOST: 'a', KAFKA_PORT: '1' }))).toThrow(/KAFKA_2_HOST/))
})

describe('what kafkajs says', () => {
  it('is told once, until something else is said; what mends itself is not', () => {
    const isWorthTelling = worthTelling()
    const said = ['boom', 'boom', 'The group is rebalancing, so a rejoin is needed', 'boom', 'bang', 'boom']
    expect(said.map(isWorthTelling)).toEqual([true, false, false, false, true, true])
  })
})

describe('lag and skew', () => {
  const map = (...values: number[]) => new Map(values.map((value, partition) => [partition, value]))
  const committed = (...values: number[]) => new Map(values.map((offset, partition) => [partition, { offset }]))
  it.each([
    ['nothing there', map(), committed(), 0],
    ['all read', map(5, 7), committed(5, 7), 0],
    ['nothing committed in one', map(5, 7), committed(5), 7],
    ['committed further than the end, as after a topic was made anew', map(5), committed(9), 0],
  ])('%s', (_, ends, done, expected) => expect(lagOf(ends, done)).toBe(expected))
  it.each([
    ['nothing there', map(0, 0), 1],
    ['even', map(3, 3), 1],
    ['all in one of four', map(8, 0, 0, 0), 4],
  ])('%s', (_, ends, expected) => expect(skewOf(ends)).toBe(expected))
})
