import type { EachBatchPayload } from 'kafkajs'
import type { Membership } from '../../../src/system/architectures/v5-kafka-clickhouse/consume/group.ts'
import { beginTenure, type Parts, type Tenure } from '../../../src/system/architectures/v5-kafka-clickhouse/consume/tenure.ts'
import { createSpeedReader } from '../../../src/system/architectures/v5-kafka-clickhouse/speed/reader.ts'
import { addRecord, addTotals, emptyTallies, emptyTotals, totalsOf, type Totals } from '../../../src/system/architectures/v5-kafka-clickhouse/speed/tallies.ts'
import { createSpeedWriter } from '../../../src/system/architectures/v5-kafka-clickhouse/speed/writer.ts'
import type { Batch, Store } from '../../../src/system/architectures/v5-kafka-clickhouse/store.ts'
import { createContext } from '../../../src/system/context.ts'
import type { CommittedOffset } from '../../../src/system/kafka/offsets.ts'
import { RECORD_BYTES } from '../../../src/system/record.ts'
import { createRedisModel, redisOver } from './redis-model.ts'

/** The log of a partition: a record, bytes that are none, or a mark that only takes an offset. */
export type Log = (Buffer | 'poison' | 'mark')[]

export const uuidIn = (record: Buffer, at = 0): string => record.toString('hex', at, at + 16).replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
export const isPoison = Buffer.from('no order')

/** What the first `end` offsets of a log hold, each id once: what any dashboard that shows so much must say. */
export function foldOf(log: Log, end: number): Totals {
  const tallies = emptyTallies()
  const seen = new Set<string>()
  for (const value of log.slice(0, end)) {
    if (!Buffer.isBuffer(value) || seen.has(uuidIn(value))) continue
    seen.add(uuidIn(value))
    addRecord(tallies, value, 0)
  }
  return totalsOf(tallies)
}

/** ClickHouse as the store promises it: a token counts once; totals and what they reach are one picture. */
function createStoreModel(fails: () => boolean) {
  const tokens = new Set<string>()
  const batches: Batch[] = []
  const records = (partition: number, before: number) => batches.filter((it) => it.partition === partition && it.to <= before)
    .flatMap((it) => Array.from({ length: it.records.length / RECORD_BYTES }, (_, i) => it.records.subarray(i * RECORD_BYTES, (i + 1) * RECORD_BYTES)))
  const reached = () => {
    const ends = new Map<number, number>()
    for (const { partition, to } of batches) ends.set(partition, Math.max(to, ends.get(partition) ?? 0))
    return ends
  }
  const storeOf = (pass: () => Promise<void>): Store => ({
    async insert(batch) {
      await pass()
      if (fails()) throw new Error('ClickHouse is away')
      if (!tokens.has(batch.token)) batches.push({ ...batch, records: Buffer.from(batch.records) })
      tokens.add(batch.token)
      await pass()
      if (fails()) throw new Error('no answer')
    },
    async known(partition, ids, before) {
      await pass()
      const there = new Set(records(partition, before).map((it) => uuidIn(it)))
      await pass()
      return new Set(ids.filter((id) => there.has(id)))
    },
    async newest(partition, before, below) {
      await pass()
      return records(partition, before).map((it) => uuidIn(it)).filter((id) => id < below).sort().at(-1)
    },
    async reached() {
      await pass()
      return reached()
    },
  })
  const picture = () => {
    const sum = emptyTallies()
    for (const batch of batches) for (let at = 0; at < batch.records.length; at += RECORD_BYTES) addRecord(sum, batch.records, at)
    return { totals: totalsOf(sum), reached: reached() }
  }
  return { storeOf, picture, batches }
}

interface Process {
  membership: Membership & { end(): void }
  tenures: Map<number, Tenure>
  /** By what it does (`take`, `store`) and partition. */
  busy: Set<string>
  show(): void
  redisAway: boolean
  gates: (() => void)[]
  dead: boolean
}

/** Consumers, broker, store and speed layer in one process, in which every call stands still until the test lets it go on. */
export function createWorld(logs: Log[], options: { batch: number; held: number; keepMs: number; fails: () => boolean }) {
  const committed = new Map<number, CommittedOffset>()
  const model = createRedisModel()
  const store = createStoreModel(options.fails)
  const processes: Process[] = []
  let generation = 0
  const aside: string[] = []

  function start(partitions: readonly number[]): Process {
    const its = { tenures: new Map(), busy: new Set(), gates: [], dead: false, redisAway: false } as unknown as Process
    const gate = () => new Promise<void>((resolve) => { its.gates.push(resolve) })
    const mine = generation
    let active = true
    its.membership = {
      partitions,
      active: () => active,
      // Never notices by itself that it was away for long: the tokens must do.
      alive: () => active,
      generation: async () => mine,
      async committed() {
        await gate()
        return new Map([...committed].map(([partition, it]) => [partition, { ...it }]))
      },
      ends: async () => new Map(logs.map((log, partition) => [partition, log.length])),
      async commit(partition, offset, metadata) {
        await gate()
        if (mine !== generation) throw new Error('ILLEGAL_GENERATION')
        committed.set(partition, { offset, metadata })
        await gate()
      },
      end: () => { active = false },
    }
    const parts = {
      context: createContext({ env: {}, knobs: { batch: options.batch }, signal: new AbortController().signal }),
      store: store.storeOf(gate),
      speed: createSpeedWriter(redisOver(model, gate, () => its.redisAway), options.keepMs),
      dead: {
        async put(found: readonly { partition: number; offset: number }[]) {
          for (const { partition, offset } of found) aside.push(`${partition}:${offset}`)
          await gate()
        },
        async [Symbol.asyncDispose]() {},
      },
      figures: { duplicates: 0, dead: 0, asked: 0, lag: new Map<number, number>(), inserted: () => {} },
      held: options.held,
    }
    its.show = () => void parts.speed.show([...its.tenures.values()].map((it) => it.shown()), Date.now())
    for (const partition of partitions) void begin(its, parts, partition)
    processes.push(its)
    return its
  }

  async function begin(its: Process, parts: Parts, partition: number): Promise<void> {
    // Rejects when the membership ends on the way.
    const tenure = await beginTenure(parts, its.membership, partition).catch(() => undefined)
    if (tenure !== undefined) its.tenures.set(partition, tenure)
  }

  /** One that does nothing of this kind now: the consumer reads on while it stores, but never reads twice at once. */
  const idle = (its: Process, what: string, choice: number): Tenure | undefined => {
    const ready = [...its.tenures.values()].filter((it) => !its.busy.has(`${what} ${it.partition}`))
    return ready[choice % Math.max(1, ready.length)]
  }

  async function busily(its: Process, what: string, tenure: Tenure, work: () => Promise<void>): Promise<void> {
    its.busy.add(`${what} ${tenure.partition}`)
    await work().catch(() => {})
    its.busy.delete(`${what} ${tenure.partition}`)
  }

  const reader = createSpeedReader(redisOver(model, () => Promise.resolve()), logs.length)
  return {
    processes, model, committed, store, aside, start,
    generation: () => generation,
    /** A new generation; who is not among them has not been told. */
    rebalance(members: readonly number[][]) {
      generation += 1
      return members.map((partitions) => start(partitions))
    },
    /** Hands a process the next records of one of its partitions. */
    take(its: Process, choice: number, size: number): void {
      const tenure = idle(its, 'take', choice)
      if (tenure === undefined) return
      const from = tenure.position()
      const values = logs[tenure.partition]!.slice(from, from + size)
      if (values.length === 0) return
      const messages = values.flatMap((value, i) => (value === 'mark' ? [] : [{ offset: String(from + i), value: value === 'poison' ? isPoison : value }]))
      if (messages.length === 0) return tenure.passed(from, from + values.length)
      const batch = { partition: tenure.partition, messages, highWatermark: String(logs[tenure.partition]!.length), lastOffset: () => String(from + values.length - 1) }
      void busily(its, 'take', tenure, () => tenure.take(batch as unknown as EachBatchPayload['batch']))
    },
    storeNext(its: Process, choice: number): void {
      const tenure = idle(its, 'store', choice)
      if (tenure !== undefined) void busily(its, 'store', tenure, () => tenure.storeNext())
    },
    async dashboard(whileReading: () => Promise<void>): Promise<{ totals: Totals; ends: Map<number, number> }> {
      const { totals, reached } = store.picture()
      await whileReading()
      const speed = await reader.read(reached)
      const sum = emptyTotals()
      addTotals(sum, totals)
      addTotals(sum, speed!.totals)
      return { totals: sum, ends: speed!.ends }
    },
  }
}

export type World = ReturnType<typeof createWorld>
