import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { addTotals, emptyTotals, type Totals } from '../../../src/system/architectures/v5-kafka-clickhouse/speed/tallies.ts'
import { ORDER_TYPES, PRODUCTS, STORES } from '../../../src/system/event.ts'
import { encodeOrders } from '../../../src/system/record.ts'
import { createWorld, foldOf, uuidIn, type Log, type World } from './world.ts'

const NOW_MS = Date.now()

/** Few ids, so that copies are common: half begin with their time and come nearly in order, the others are of any kind. */
function recordOf(id: number, cents: number): Buffer {
  const digits = id.toString(16).padStart(12, '0')
  const time = (NOW_MS + 10 * id).toString(16).padStart(12, '0')
  const uuid = id % 2 === 0 ? `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${digits}` : `${digits.slice(4)}-ffff-4000-8000-${digits}`
  return encodeOrders([{
    id: uuid, type: ORDER_TYPES[id % 3]!, store: STORES[id % 50]!, product: PRODUCTS[id % 20]!,
    amountCents: cents, timestampMs: NOW_MS - id * 1_700_000,
  }])
}

const logs: fc.Arbitrary<Log[]> = fc.array(
  fc.array(fc.oneof(
    { weight: 12, arbitrary: fc.record({ id: fc.nat(25), cents: fc.nat(1_000) }) },
    { weight: 1, arbitrary: fc.constant('poison' as const) },
    { weight: 2, arbitrary: fc.constant('mark' as const) },
  ), { minLength: 4, maxLength: 40 }),
  { minLength: 1, maxLength: 3 },
).map((partitions) => partitions.map((log, partition) => log.map((it) => {
  // A copy says what the first one said, and is in the same partition.
  return typeof it === 'string' ? it : recordOf(it.id * 4 + partition, it.id)
})))

const steps = fc.array(fc.tuple(fc.nat(99), fc.nat(1_000), fc.nat(1_000)), { minLength: 50, maxLength: 300 })

/** Lets one call of one process go on that has not crashed. */
function release(world: World, choice: number, other: number): void {
  const standing = world.processes.filter((it) => !it.dead && it.gates.length > 0)
  const its = standing[choice % Math.max(1, standing.length)]
  its?.gates.splice(other % its.gates.length, 1)[0]!()
}

function expectedAt(partitions: Log[], ends: ReadonlyMap<number, number>): Totals {
  const sum = emptyTotals()
  partitions.forEach((log, partition) => addTotals(sum, foldOf(log, ends.get(partition) ?? 0)))
  return sum
}

const options = fc.record({
  batch: fc.integer({ min: 1, max: 8 }), held: fc.integer({ min: 2, max: 12 }), trims: fc.boolean(), fails: fc.boolean(), forgets: fc.boolean(),
})

/** Splits partitions over so many members. */
const split = (partitions: number, members: number): number[][] =>
  Array.from({ length: members }, (_, member) => Array.from({ length: partitions }, (__, partition) => partition).filter((it) => it % members === member))

// Reading, showing, cutting, inserting, committing, crashing, pausing, taking over, and looks at the dashboard in between.
it('in any order of steps a dashboard is a prefix of each partition, never an earlier one, and in the end everything once', async () => {
  await fc.assert(fc.asyncProperty(logs, steps, options, async (partitions, script, { batch, held, trims, fails, forgets }) => {
    let failing = 0
    const world = createWorld(partitions, { batch, held, keepMs: trims ? -1 : 3_600_000, fails: () => fails && failing++ % 5 === 4 })
    const shownUpTo = new Map<number, number>()
    let lost = false
    const look = async (choice: number, other: number) => {
      const { totals, ends } = await world.dashboard(async () => {
        // As slow a reader as there may be: cuts are stored and buckets written between its two looks.
        for (let i = 0; i < other % 40; i++) {
          const living = world.processes.filter((it) => !it.dead)
          if (i % 9 === 3) world.storeNext(living[i % living.length]!, choice)
          if (i % 9 === 6) world.take(living[i % living.length]!, choice, 2)
          if (i % 9 === 8) living[i % living.length]!.show()
          release(world, choice + i, other)
          await turn()
        }
      })
      expect(totals).toEqual(expectedAt(partitions, ends))
      for (const [partition, end] of ends) {
        // Buckets that are gone early (kept for no time here, or Redis has lost them) make it fall back to the batch layer.
        if (!trims && !lost) expect(end).toBeGreaterThanOrEqual(shownUpTo.get(partition) ?? 0)
        shownUpTo.set(partition, end)
      }
    }
    world.rebalance(split(partitions.length, 1))
    for (const [action, choice, other] of script) {
      await turn()
      const living = world.processes.filter((it) => !it.dead)
      const its = living[choice % living.length]!
      if (action < 45) release(world, choice, other)
      else if (action < 60) world.take(its, other, 1 + (choice % 6))
      else if (action < 72) world.storeNext(its, other)
      else if (action < 80) its.show()
      else if (action < 92) await look(choice, other)
      else if (action < 95) {
        // Crashed, paused (it is told nothing and goes on later), or told; then others have its partitions.
        for (const it of world.processes) {
          if (other % 3 === 0) it.dead = true
          if (other % 3 === 2) it.membership.end()
        }
        // With nobody left the offsets may be set back: what is stored stays once.
        if (other % 12 === 0) world.committed.clear()
        world.rebalance(split(partitions.length, 1 + (choice % 3)))
      } else if (forgets && action < 97) {
        // It comes back empty, or one of them cannot reach it for a while.
        if (action === 95) world.model.forget()
        else its.redisAway = !its.redisAway
        lost = true
      }
    }
    await finish(world, partitions)
    await look(0, 0)
    const ids = world.store.batches.flatMap((it) => Array.from({ length: it.records.length / 29 }, (_, i) => uuidIn(it.records, i * 29)))
    expect(new Set(ids).size).toBe(ids.length)
    const { totals } = world.store.picture()
    expect(totals).toEqual(expectedAt(partitions, new Map(partitions.map((log, partition) => [partition, log.length]))))
    for (const [partition, log] of partitions.entries()) {
      expect(world.committed.get(partition)?.offset).toBe(log.length)
      const poison = log.flatMap((it, offset) => (it === 'poison' ? [`${partition}:${offset}`] : []))
      expect(poison.every((it) => world.aside.includes(it)), 'every poison is put aside').toBe(true)
    }
  }), { numRuns: Number(process.env['RUNS'] ?? 150) })
}, 120_000)

/** Everybody but one is gone, and that one reads and stores to the end; whoever was paused wakes up beside it. */
async function finish(world: World, partitions: Log[]): Promise<void> {
  for (const it of world.processes) it.redisAway = false
  const [last] = world.rebalance(split(partitions.length, 1))
  const done = () => partitions.every((log, partition) => world.committed.get(partition)?.offset === log.length)
  for (let round = 0; round < 20_000 && !done(); round++) {
    for (let i = 0; i < 6; i++) release(world, round + i, i)
    for (let partition = 0; partition < partitions.length; partition++) {
      world.take(last!, partition, 50)
      world.storeNext(last!, partition)
    }
    if (round % 7 === 0) last!.show()
    await turn()
  }
  expect(done(), 'ends').toBe(true)
  for (let i = 0; i < 500; i++) {
    last!.show()
    release(world, i, i)
    if (i % 10 === 0) await turn()
  }
}
