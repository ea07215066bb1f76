import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { monthOf, toBlock } from '../../src/system/architectures/v5-kafka-clickhouse/block.ts'
import { wholeHours } from '../../src/system/architectures/v5-kafka-clickhouse/read/analytics.ts'
import { toBatchLayer } from '../../src/system/architectures/v5-kafka-clickhouse/read/batch.ts'
import { createDashboards } from '../../src/system/architectures/v5-kafka-clickhouse/read/dashboards.ts'
import { parseRows } from '../../src/system/architectures/v5-kafka-clickhouse/read/read-orders.ts'
import { beyond, type Bucket } from '../../src/system/architectures/v5-kafka-clickhouse/speed/chain.ts'
import { emptyTotals, type Totals } from '../../src/system/architectures/v5-kafka-clickhouse/speed/tallies.ts'
import { withoutException } from '../../src/system/clickhouse/connect.ts'
import type { Dashboard } from '../../src/system/dashboard.ts'
import { encodeOrders } from '../../src/system/record.ts'
import { randomOrders } from './orders.ts'

/** A total of so many orders, all alike. */
function totalsOf(count: number): Totals {
  const tally = (): Totals['byProduct'] => (count === 0 ? {} : { latte: { count, revenueCents: 3 * count } })
  return { ...emptyTotals(), count, revenueCents: 3 * count, byProduct: tally(), byStore: tally(), byType: tally(), byHour: tally() }
}

const PARTITIONS = 2

/** Partitions whose every offset is an order; both layers, and what may befall them. */
function createWorld() {
  const ends = Array<number>(PARTITIONS).fill(0)
  const cuts = Array.from({ length: PARTITIONS }, (): number[] => [])
  const reached = new Map<number, number>()
  const chains = Array.from({ length: PARTITIONS }, () => ({ start: 0, since: 0, buckets: [] as Bucket<number>[] }))
  const world = {
    nowMs: 0, columnsAway: false, backMs: -Infinity, redisAway: false, reached, ends,
    /** A cut more is read, and shown by the speed layer. */
    take(partition: number, orders: number) {
      const from = ends[partition]!
      const to = (ends[partition] = from + orders)
      cuts[partition]!.push(to)
      chains[partition]!.buckets.push({ from, to, sums: orders })
    },
    /** The batch layer gets the next cut. */
    store(partition: number) {
      const next = cuts[partition]!.find((it) => it > (reached.get(partition) ?? 0))
      if (next !== undefined) reached.set(partition, next)
    },
    /** Redis comes back empty, and the consumer writes what is not stored. */
    lose(partition: number, writtenAnew: boolean) {
      const start = reached.get(partition) ?? 0
      const unstored = cuts[partition]!.filter((it) => it > start).map((to, i, all) => ({ from: i === 0 ? start : all[i - 1]!, to, sums: to - (i === 0 ? start : all[i - 1]!) }))
      chains[partition] = { start, since: start, buckets: writtenAnew ? unstored : [] }
    },
    speed: {
      read: async (since: ReadonlyMap<number, number>) => {
        if (world.redisAway) return undefined
        const shownTo = new Map<number, number>()
        let count = 0
        for (const [partition, chain] of chains.entries()) {
          const offset = since.get(partition) ?? 0
          const buckets = beyond(chain, offset)
          for (const { sums } of buckets) count += sums
          shownTo.set(partition, buckets.at(-1)?.to ?? offset)
        }
        return { totals: totalsOf(count), ends: shownTo }
      },
    },
    readBatch: async () => {
      if (world.columnsAway) throw new Error('away')
      return { totals: totalsOf([...reached.values()].reduce((a, b) => a + b, 0)), reached: new Map(reached) }
    },
    all: () => ends.reduce((a, b) => a + b, 0),
  }
  return world
}

const adds = ({ count, byProduct, byStore, byType, byHour }: Dashboard): boolean =>
  [byProduct, byStore, byType, byHour].every((map) => Object.values(map).reduce((sum, it) => sum + it.count, 0) === count)

describe('both layers as one dashboard', () => {
  const partition = fc.nat(PARTITIONS - 1)
  const step = fc.oneof(
    fc.record({ do: fc.constant('take' as const), partition, orders: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ do: fc.constant('store' as const), partition }),
    fc.record({ do: fc.constant('lose' as const), partition, anew: fc.boolean() }),
    fc.record({ do: fc.constant('columns' as const), away: fc.boolean() }),
    fc.record({ do: fc.constant('redis' as const), away: fc.boolean() }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(50, 400, 1_100, 70_000) }),
    fc.record({ do: fc.constant('show' as const) }),
    fc.record({ do: fc.constant('show' as const) }),
  )

  it('never goes back, never shows more than there is, adds up, and ends with everything', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const world = createWorld()
      const { dashboard } = createDashboards(world.readBatch, world.speed, () => world.nowMs)
      let last = -1
      const show = async (): Promise<Dashboard | undefined> => {
        const it = await dashboard().catch(() => undefined)
        if (it === undefined) {
          expect(world.columnsAway || world.nowMs - world.backMs < 1_000, 'refused though ClickHouse has answered for a while').toBe(true)
          return undefined
        }
        expect(it.count).toBeGreaterThanOrEqual(last)
        expect(it.count).toBeLessThanOrEqual(world.all())
        expect(it.version).toBe(it.count)
        expect(adds(it)).toBe(true)
        last = it.count
        return it
      }
      for (const it of steps) {
        if (it.do === 'take') world.take(it.partition, it.orders)
        else if (it.do === 'store') world.store(it.partition)
        else if (it.do === 'lose') world.lose(it.partition, it.anew)
        else if (it.do === 'columns') {
          if (world.columnsAway && !it.away) world.backMs = world.nowMs
          world.columnsAway = it.away
        }
        else if (it.do === 'redis') world.redisAway = it.away
        else if (it.do === 'wait') world.nowMs += it.ms
        else await show()
      }
      Object.assign(world, { columnsAway: false, redisAway: false })
      for (let i = 0; i < PARTITIONS; i++) for (let left = 60; left > 0; left--) world.store(i)
      // A refresh that was due before may be under way; the one after it is not.
      for (let i = 0; i < 3; i++) {
        world.nowMs += 61_000
        await show()
      }
      expect(last).toBe(world.all())
    }), { numRuns: 500 })
  })

  it('is fresh from the speed layer while the batch layer is asked once a second', async () => {
    const world = createWorld()
    let asked = 0
    const { dashboard } = createDashboards(() => { asked++; return world.readBatch() }, world.speed, () => world.nowMs)
    for (let i = 1; i <= 30; i++) {
      world.take(i % 2, 1)
      world.nowMs += 100
      expect((await dashboard()).count).toBe(i)
    }
    expect(asked).toBeLessThanOrEqual(4)
  })

  it('goes on from the last totals while ClickHouse is away, and shows none when Redis is away as well', async () => {
    const world = createWorld()
    const { dashboard } = createDashboards(world.readBatch, world.speed, () => world.nowMs)
    world.take(0, 5)
    world.store(0)
    expect((await dashboard()).count).toBe(5)
    world.columnsAway = true
    world.take(1, 4)
    world.nowMs += 30_000
    expect((await dashboard()).count).toBe(9)
    world.redisAway = true
    world.nowMs += 30_000
    await expect(dashboard()).rejects.toThrow('ClickHouse has no totals to show: away')
    world.columnsAway = false
    world.nowMs += 30_000
    expect((await dashboard()).count, 'what was shown is not taken back').toBe(9)
    world.store(1)
    world.take(0, 1)
    world.store(0)
    world.nowMs += 2_000
    expect((await dashboard()).count).toBe(10)
  })

  it('does not take one partition back while another goes on', async () => {
    const world = createWorld()
    const { dashboard } = createDashboards(world.readBatch, world.speed, () => world.nowMs)
    world.take(0, 3)
    world.take(1, 1)
    expect((await dashboard()).count).toBe(4)
    world.lose(0, false)
    world.take(1, 20)
    expect((await dashboard()).count, 'partition 0 would miss 3').toBe(4)
    world.lose(0, true)
    expect((await dashboard()).count).toBe(24)
  })
})

it('the batch layer is made of rows; history is in no partition', () => {
  const layer = toBatchLayer([['product', 0, 3, 30, 9], ['store', 1, 3, 30, 9], ['type', 0, 2, 30, 9], ['type', 2, 1, 0, 4], ['hour', 491_000, 3, 30, 9], ['partition', -1, 1, 5, 0], ['partition', 7, 2, 25, 9]])
  expect(layer.reached).toEqual(new Map([[7, 9]]))
  expect(layer.totals).toMatchObject({ count: 3, revenueCents: 30, byProduct: { latte: { count: 3, revenueCents: 30 } }, byType: { order_placed: { count: 2 }, order_cancelled: { count: 1 } } })
  expect(Object.keys(layer.totals.byHour)).toEqual(['2026-01-05T08:00Z'])
})

it.each([
  [0, 3_600_000, [1, 1]], [3_600_000, 7_200_000, [1, 2]], [3_600_001, 7_200_000, [2, 2]], [3_599_999, 10_800_001, [1, 3]], [7_200_000, 3_600_000, [2, 1]],
] as const)('from %i to %i ms the whole hours are %j', (from, to, hours) => expect(wholeHours(from, to)).toEqual(hours))

describe('bytes', () => {
  it('a block has its columns one after the other', () => {
    const [order] = randomOrders(1, 1, Date.UTC(2026, 5, 1))
    const block = toBlock(encodeOrders([order!, order!]), { partition: -1, upto: 258, month: 202_611 })
    expect([block[0], block[1]]).toEqual([9, 2])
    const at = (name: string, type: string) => block.indexOf(Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([type.length]), Buffer.from(type)])) + 2 + name.length + type.length
    const ids = at('id', 'FixedString(16)')
    expect(block.toString('hex', ids, ids + 16)).toBe(order!.id.replaceAll('-', ''))
    expect(block.toString('hex', ids + 16, ids + 32)).toBe(order!.id.replaceAll('-', ''))
    expect(Number(block.readBigInt64LE(at('timestamp', "DateTime64(3, 'UTC')") + 8))).toBe(order!.timestampMs)
    expect(block.readUInt32LE(at('amount_cents', 'UInt32') + 4)).toBe(order!.amountCents)
    expect(block.readInt16LE(at('partition', 'Int16') + 2)).toBe(-1)
    expect(Number(block.readBigUInt64LE(at('upto', 'UInt64') + 8))).toBe(258)
    expect(block.readUInt32LE(at('month', 'UInt32') + 4)).toBe(202_611)
    expect(block.length).toBe(at('month', 'UInt32') + 8)
  })

  it('a batch is of the month of its newest order', () => {
    const orders = randomOrders(3, 2, Date.UTC(2026, 5, 1)).map((order, i) => ({ ...order, timestampMs: [Date.UTC(2025, 11, 31, 23, 59), Date.UTC(2026, 0, 1), Date.UTC(2024, 5, 5)][i]! }))
    expect([monthOf(encodeOrders(orders)), monthOf(encodeOrders(orders.toSpliced(1, 1)))]).toEqual([202_601, 202_512])
  })

  it('a row is an order again', () => {
    const row = Buffer.alloc(39)
    Buffer.from('019aa5c32b7c7000800000000000abcd', 'hex').copy(row)
    row.writeUIntLE(Date.UTC(2026, 0, 2), 16, 6)
    row.writeUInt32LE(1_250, 24)
    row.set([0, 49, 19], 28)
    row.writeUIntLE(Date.UTC(2026, 0, 3), 31, 6)
    expect(parseRows(row, 39)).toEqual([{
      id: '019aa5c3-2b7c-7000-8000-00000000abcd', type: 'order_placed', store: 'store-50', product: 'sandwich', amountCents: 1_250,
      timestampMs: Date.UTC(2026, 0, 2), persistedAtMs: Date.UTC(2026, 0, 3),
    }])
  })

  const gathered = async (chunks: Buffer[], tag: string) => {
    const found: Buffer[] = []
    for await (const it of withoutException((async function* () { yield* chunks })(), tag)) found.push(it)
    return Buffer.concat(found)
  }

  it('an answer is passed on as it is, however it was cut', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 50_000 }), { maxLength: 6 }), async (sizes) => {
      const chunks = sizes.map((size, i) => Buffer.alloc(size, i))
      expect(Buffer.concat(chunks).equals(await gathered(chunks, 'abcdefgh'))).toBe(true)
    }), { numRuns: 50 })
  })

  it('an answer that ends with an error is one', async () => {
    const error = '__exception__\r\nabcdefgh\r\nCode: 241. DB::Exception: too much memory\r\n40 abcdefgh\r\n__exception__\r\n'
    await expect(gathered([Buffer.alloc(100_000), Buffer.from(error.slice(0, 20)), Buffer.from(error.slice(20))], 'abcdefgh')).rejects.toThrow('ClickHouse broke off: Code: 241. DB::Exception: too much memory')
    expect((await gathered([Buffer.from(error)], 'another')).length, 'data that look like one').toBe(error.length)
  })
})
