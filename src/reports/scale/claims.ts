import { aggregation, HISTORIES, SOCKETS, sockets, USERS, V1_BASE } from '../../scenarios/scale/steps.ts'
import type { ScaleSize } from '../../scenarios/scale/step.ts'
import { READ_RATES } from '../../scenarios/scale/shapes.ts'
import { int, mib, ms, num } from '../numbers.ts'
import { bytesPerOrder, drain, figureOf, freshnessP99Ms, inside, insideMax, insideOfPhase, persisted, readP50Ms, readP99OfPhaseMs, saturation, saturationErrors, saturationP99Ms, type Figure, type Read, type Results } from './result.ts'
import { breaksAt } from './system-limits.ts'

/** What was measured for a claim. */
export interface Measured {
  value: number
  /** For the row. */
  says: string
  runIds: readonly string[]
  /** The highest that was tried held: the true value is this or more. */
  atLeast?: boolean
  /** The lowest that was tried and did not hold: the true value is below it. */
  below?: number
}

/** What somebody says of such a system, and what would make it true. */
export interface Claim {
  id: string
  says: string
  /** How it is tried. */
  tried: string
  steps(size: ScaleSize): readonly string[]
  measure(results: Results, size: ScaleSize): Measured | undefined
  /** Between which values it holds. */
  from?: number
  to?: number
  /** Why a value below `from` refutes nothing here. */
  belowSaysNothing?: string
}

/** "About n": from half to twice as much. */
const about = (n: number) => ({ from: n / 2, to: n * 2 })
const HTTP_COMES_FIRST = 'API and sender share the cores, and may have given out first'
const PATIENCE_MS = 1_000
const FRESH_MS = 5_000

export const CLAIMS: readonly Claim[] = [
  { id: 'postgres-synchronous', says: 'PostgreSQL stores 500 to 2,000 synchronous orders/s', tried: 'one INSERT and commit for each order, 10 connections, closed loop', ...rate(V1_BASE), from: 500, to: 2_000 },
  { id: 'postgres-tps', says: 'PostgreSQL does 5,000 transactions/s', tried: 'the same, 40 connections', ...rate('v1-pool-40'), from: 5_000, belowSaysNothing: HTTP_COMES_FIRST },
  {
    id: 'aggregator-breaks', says: 'the aggregator breaks near 500 k orders', tried: 'all orders loaded, every second', ...about(500_000),
    steps: (size) => HISTORIES[size].map((orders) => aggregation('full-scan', orders)),
    measure: (results, size) => {
      const broken = breaksAt(results, 'full-scan', size)
      return broken && { value: broken.at ?? broken.largest, says: broken.at === undefined ? `not at ${int(broken.largest)}` : `at ${int(broken.at)}, of the sizes tried`, runIds: broken.runIds, atLeast: broken.at === undefined }
    },
  },
  {
    id: 'sockets', says: '500 to 1,000 WebSocket connections without Pub/Sub, no more', tried: `connections on one replica that see orders within ${FRESH_MS / 1_000} s (p99)`, from: 500, to: 1_000,
    ...largestHeld((size) => SOCKETS[size].map((count) => ({ count, step: sockets(count) })), [{ read: freshnessP99Ms, atMost: FRESH_MS }]),
  },
  { id: 'redis', says: 'Redis does 50 k operations/s', tried: 'an XADD for each order, 200 senders', ...rate('stream-200'), from: 50_000, belowSaysNothing: HTTP_COMES_FIRST },
  { id: 'sqlite', says: 'SQLite does about 1,000 writes/s', tried: 'a synced transaction for each order', ...drained('sqlite-single'), ...about(1_000) },
  { id: 'v0-ingest', says: 'v0 takes in 10 k events/s', tried: 'closed loop', ...rate('ceiling-v0'), from: 10_000, belowSaysNothing: HTTP_COMES_FIRST },
  { id: 'v0-consumer', says: 'v0’s consumer stores about 1 k events/s', tried: '8,000 orders/s offered', ...drained('v0-consumer'), ...about(1_000) },
  {
    id: 'analytics', says: 'analytics without a cache answers about 100 requests/s', tried: `highest rate of those tried with p99 ≤ ${PATIENCE_MS / 1_000} s`, ...about(100),
    steps: () => ['reads-cache-off'],
    measure: (results) => {
      const tried = READ_RATES.map((count) => ({ count, figure: figureOf(results, 'reads-cache-off', readP99OfPhaseMs(`reads-${count}`)) }))
      return highest(tried.map(({ count, figure }) => ({ count, figure, holds: figure !== undefined && figure.value <= PATIENCE_MS })), 'requests/s')
    },
  },
  {
    id: 'users-before', says: '50 to 200 concurrent users before the quick fixes, no more', tried: `senders at once on v0, without pauses, with p99 ≤ ${PATIENCE_MS / 1_000} s and no error`, from: 50, to: 200,
    ...largestHeld((size) => USERS[size].map((count) => ({ count, step: `users-${count}` })), [{ read: saturationP99Ms, atMost: PATIENCE_MS }, { read: saturationErrors, atMost: 0 }]),
  },
  {
    id: 'users-after', says: '1,000 to 5,000 concurrent users after them', tried: '1,000 senders at once on v1, the same bounds; more were not tried', from: 1_000,
    ...largestHeld(() => [{ count: 1_000, step: 'users-fixed-1000' }], [{ read: saturationP99Ms, atMost: PATIENCE_MS }, { read: saturationErrors, atMost: 0 }]),
  },
  { id: 'batch-gain', says: 'a batch of 20 gives 5 ×', tried: 'orders/s with batch=20 ÷ batch=1', ...ratio('v1-batch-20', V1_BASE, saturation), from: 5 },
  { id: 'postgres-batched', says: 'PostgreSQL with batching stores about 2,000 events/s', tried: 'batch=20, closed loop', ...rate('v1-batch-20'), ...about(2_000) },
  { id: 'rabbitmq', says: 'RabbitMQ takes 10 k messages/s', tried: 'a confirmed message for each order of v4', ...rate('ceiling-v4'), from: 10_000, belowSaysNothing: HTTP_COMES_FIRST },
  {
    id: 'cache', says: 'a cache cuts queries by 95 %', tried: `statements that read, cache=5s against off, at ${READ_RATES.at(-1)} requests/s`, from: 0.95,
    steps: () => ['reads-cache-5s', 'reads-cache-off'],
    measure: (results) => {
      const read = insideOfPhase('lab_db_read_queries_total', `reads-${READ_RATES.at(-1)}`)
      const [on, off] = [figureOf(results, 'reads-cache-5s', read), figureOf(results, 'reads-cache-off', read)]
      return on && off && off.value > 0 ? { value: 1 - on.value / off.value, says: `${num(on.value)} for ${num(off.value)} a second: ${((1 - on.value / off.value) * 100).toFixed(1)} % less`, runIds: [...on.runIds, ...off.runIds] } : undefined
    },
  },
  { id: 'rollup', says: 'a rollup turns 5 s into 50 ms at 10 M events (100 ×)', tried: 'p50 of the same question: v1 from the orders ÷ v4 from the rollup', ...ratio('ten-million-v1', 'ten-million-v4', readP50Ms, ms), ...about(100), to: undefined },
  { id: 'clickhouse-speed', says: 'ClickHouse aggregates 100 to 1,000 × faster', tried: 'p50 of the same question at 10 M orders: v1 ÷ v5', ...ratio('ten-million-v1', 'ten-million-v5', readP50Ms, ms), from: 100 },
  { id: 'clickhouse-size', says: 'ClickHouse is 10 to 100 × smaller', tried: 'bytes on disk of an order at 10 M, brokers included: v1 ÷ v5', ...ratio('ten-million-v1', 'ten-million-v5', bytesPerOrder, (value) => `${num(value)} B`), from: 10 },
  {
    id: 'listen', says: 'LISTEN/NOTIFY is good under 1,000 events/s', tried: 'visible p99 at 1,000 orders/s, at most 5 s', to: FRESH_MS,
    ...one('listen', freshnessP99Ms, ms),
  },
  { id: 'orders-after', says: '5,000 to 10,000 orders/s after the quick fixes', tried: 'v1 with all of them, closed loop', ...rate('fixed'), from: 5_000 },
  {
    id: 'memory-after', says: '10 M orders without running out of memory after them', tried: 'aggregator=incremental: failures while it runs', to: 0,
    steps: () => [aggregation('incremental', 10_000_000)],
    measure: (results) => {
      const step = aggregation('incremental', 10_000_000)
      const [failures, memory] = [figureOf(results, step, inside('lab_aggregation_failures_total')), figureOf(results, step, insideMax('lab_aggregation_rss_bytes'))]
      return failures && memory && { value: failures.value, says: `${num(failures.value)} failures a second, ${mib(memory.value)}`, runIds: memory.runIds }
    },
  },
]

function one(step: string, read: Read, render: (value: number) => string): Pick<Claim, 'steps' | 'measure'> {
  return {
    steps: () => [step],
    measure: (results) => {
      const figure = figureOf(results, step, read)
      return figure && { value: figure.value, says: render(figure.value), runIds: figure.runIds }
    },
  }
}

function rate(step: string): Pick<Claim, 'steps' | 'measure'> {
  return one(step, saturation, (value) => `${int(value)}/s`)
}

function drained(step: string): Pick<Claim, 'steps' | 'measure'> {
  return {
    steps: () => [step],
    measure: (results) => {
      const drained = figureOf(results, step, drain)
      // Without a backlog to drain it stored all it got, and could have stored more.
      const figure = drained ?? figureOf(results, step, persisted)
      return figure && { value: figure.value, says: `${int(figure.value)}/s stored${drained === undefined ? ', or more' : ''}`, runIds: figure.runIds, atLeast: drained === undefined }
    },
  }
}

function ratio(above: string, below: string, read: Read, render?: (value: number) => string): Pick<Claim, 'steps' | 'measure'> {
  return {
    steps: () => [above, below],
    measure: (results) => {
      const [a, b] = [figureOf(results, above, read), figureOf(results, below, read)]
      if (a === undefined || b === undefined || b.value <= 0) return undefined
      const value = a.value / b.value
      return { value, says: `${num(value)} ×${render ? `: ${render(a.value)} to ${render(b.value)}` : ''}`, runIds: [...a.runIds, ...b.runIds] }
    },
  }
}

function largestHeld(tried: (size: ScaleSize) => readonly { count: number; step: string }[], bounds: readonly { read: Read; atMost: number }[]): Pick<Claim, 'steps' | 'measure'> {
  return {
    steps: (size) => tried(size).map(({ step }) => step),
    measure: (results, size) =>
      highest(
        tried(size).map(({ count, step }) => {
          const figures = bounds.map(({ read, atMost }) => ({ atMost, figure: figureOf(results, step, read) }))
          const isKnown = figures.every(({ figure }) => figure !== undefined)
          return { count, figure: isKnown ? figures[0]!.figure : undefined, holds: isKnown && figures.every(({ atMost, figure }) => figure!.value <= atMost) }
        }),
        'at once',
      ),
  }
}

/** The highest that held below the first that did not; sizes that nothing is known of are left out. */
function highest(tried: readonly { count: number; figure: Figure | undefined; holds: boolean }[], unit: string): Measured | undefined {
  const known = tried.filter(({ figure }) => figure !== undefined)
  if (known.length === 0) return undefined
  const broke = known.findIndex(({ holds }) => !holds)
  const held = broke === -1 ? known : known.slice(0, broke)
  const value = held.at(-1)?.count ?? 0
  const says = broke === -1 ? `${int(value)} ${unit} or more` : held.length === 0 ? `not even ${int(known[0]!.count)} ${unit}` : `${int(value)} ${unit}, not ${int(known[broke]!.count)}`
  return { value, says, runIds: known.flatMap(({ figure }) => figure!.runIds), atLeast: broke === -1, ...(broke !== -1 && { below: known[broke]!.count }) }
}
