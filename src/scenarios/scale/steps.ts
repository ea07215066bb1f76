import type { Scenario } from '../scenario.ts'
import { capacity, ceiling, overload, questions, scenarioOf, steady } from './shapes.ts'
import type { Question, ScaleSize, Step } from './step.ts'

interface Asked {
  id: string
  questions: readonly Question[]
  says: string
  arch: string
  knobs?: Step['knobs']
  load: Partial<Scenario>
  rate?: number
  history?: number
  repetitions?: number
}

/** One knob of v1 changed against its defaults; each is a row of the first question and of the fifth. */
export const V1_BASE = 'v1-base'
export const V1_CHANGES = [
  { id: 'v1-pool-2', knobs: { pool: 2 }, quick: true },
  { id: 'v1-pool-5', knobs: { pool: 5 }, quick: false },
  { id: 'v1-pool-20', knobs: { pool: 20 }, quick: false },
  { id: 'v1-pool-40', knobs: { pool: 40 }, quick: true },
  { id: 'v1-batch-20', knobs: { batch: 20 }, quick: true },
  { id: 'v1-batch-500', knobs: { batch: 500 }, quick: true },
  { id: 'v1-indexes-0', knobs: { indexes: 0 }, quick: true },
  { id: 'v1-indexes-2', knobs: { indexes: 2 }, quick: false },
  { id: 'v1-indexes-3', knobs: { indexes: 3 }, quick: true },
  { id: 'v1-partition', knobs: { partition: 'range' }, quick: true },
  { id: 'v1-sync-off', knobs: { syncCommit: 'off' }, quick: true },
  { id: 'v1-buffer', knobs: { write: 'buffer' }, quick: false },
  { id: 'v1-counters-hot', knobs: { counters: 'hot' }, quick: false },
  { id: 'v1-counters-table', knobs: { counters: 'table' }, quick: false },
  { id: 'v1-incremental', knobs: { aggregator: 'incremental' }, quick: false },
  { id: 'v1-api-2', knobs: { api: 2 }, quick: false },
] as const

export const AGGREGATORS = ['full-scan', 'group-by', 'incremental', 'materialized-view'] as const
/** Orders of history; the larger ones in the full size alone. */
export const HISTORIES = { quick: [100_000, 500_000], full: [100_000, 500_000, 1_000_000, 10_000_000] } as const
/** Of the aggregations, ms. */
export const AGGREGATION_INTERVAL_MS = 1_000
export const SOCKETS = { quick: [500, 1_000, 4_000], full: [100, 500, 1_000, 1_500, 4_000, 8_000] } as const
export const STREAM_CONNECTIONS = { quick: [10, 200], full: [1, 10, 50, 200, 800] } as const
export const FAN_OUT = { quick: [], full: [1, 2, 4, 8] } as const
/** Users of a closed loop, each sending its next order when the last is answered. */
export const USERS = { quick: [200], full: [50, 200, 1_000] } as const
export const CEILINGS = { quick: ['null', 'v0', 'v2', 'v4', 'v5'], full: ['null', 'v0', 'v2', 'v4', 'v5', 'v3'] } as const

/** The quick fixes together. */
export const FIXED = { batch: 100, pool: 20, aggregator: 'incremental', cache: '5s' } as const
const REPETITIONS = 5

export const historyName = (orders: number) => (orders >= 1e6 ? `${orders / 1e6}m` : `${orders / 1e3}k`)
export const aggregation = (aggregator: string, orders: number) => `aggregate-${aggregator}-${historyName(orders)}`
export const sockets = (count: number) => `sockets-${count}`

/** The plan, in the order in which it is played: all data. */
export function stepsOf(size: ScaleSize): Step[] {
  const isQuick = size === 'quick'
  return [...inserts(isQuick), ...aggregations(size), ...redis(size), ...webSockets(size), ...ceilings(size), ...claims(isQuick, USERS[size]), ...(isQuick ? [] : [...large(), ...searches()])].map(stepOf)
}

function inserts(isQuick: boolean): Asked[] {
  const repetitions = isQuick ? 1 : REPETITIONS
  const changes = V1_CHANGES.filter(({ quick }) => quick || !isQuick)
  return [
    { id: V1_BASE, questions: [1, 5, 6, 7], says: 'v1 as it is by default', arch: 'v1', load: ceiling(), repetitions },
    ...changes.map(({ id, knobs }): Asked => ({ id, questions: [1, 5, 6], says: `v1 with ${words(knobs)}`, arch: 'v1', knobs, load: ceiling(), repetitions })),
    { id: 'v1-exhausted', questions: [1], says: 'more orders at once than two connections store within 20 ms', arch: 'v1', knobs: { pool: 2, poolWait: 20 }, load: ceiling(400) },
  ]
}

function aggregations(size: ScaleSize): Asked[] {
  return AGGREGATORS.flatMap((aggregator) =>
    HISTORIES[size].map((orders): Asked => ({
      id: aggregation(aggregator, orders), questions: [2, 6, 7], says: `${aggregator} beside ${historyName(orders)} orders`, arch: 'v1',
      knobs: { aggregator, interval: AGGREGATION_INTERVAL_MS, heap: 2_048 }, load: steady(size === 'quick' ? 6 : 20), rate: 200, history: orders,
    })),
  )
}

function redis(size: ScaleSize): Asked[] {
  return [
    ...STREAM_CONNECTIONS[size].map((connections): Asked => ({ id: `stream-${connections}`, questions: [3, 6], says: `XADD for ${connections} senders at once`, arch: 'v2', load: ceiling(connections) })),
    ...FAN_OUT[size].map((api): Asked => ({ id: `fan-out-${api}`, questions: [3], says: `a new dashboard told to ${api} API replicas over Pub/Sub`, arch: 'v1', knobs: { api, push: 'pubsub', batch: 20 }, load: { ...steady(6), subscribers: 200 }, rate: 200 })),
  ]
}

function webSockets(size: ScaleSize): Asked[] {
  return SOCKETS[size].map((count): Asked => ({ id: sockets(count), questions: [4, 6], says: `${count} sockets on one API replica, without Pub/Sub`, arch: 'v1', knobs: { push: 'poll', batch: 20 }, load: { ...steady(6), subscribers: count }, rate: 100 }))
}

function ceilings(size: ScaleSize): Asked[] {
  return CEILINGS[size].map((arch): Asked => ({ id: `ceiling-${arch}`, questions: [6, 7], says: `${arch} as it is by default`, arch, load: { ...ceiling(), settleSeconds: 120 } }))
}

function claims(isQuick: boolean, users: readonly number[]): Asked[] {
  return [
    { id: 'fixed', questions: [6, 7], says: 'v1 with the quick fixes together', arch: 'v1', knobs: FIXED, load: ceiling() },
    ...users.map((count): Asked => ({ id: `users-${count}`, questions: [6], says: `${count} users at once on v0`, arch: 'v0', load: ceiling(count) })),
    { id: 'users-fixed-1000', questions: [6], says: '1,000 users at once on v1 with the quick fixes', arch: 'v1', knobs: FIXED, load: ceiling(1_000) },
    { id: 'sqlite-single', questions: [6], says: 'SQLite with a synced transaction for every order', arch: 'v0', knobs: { batch: 1, flush: 0, synchronous: 'full' }, load: overload(4), rate: 4_000 },
    { id: 'v0-consumer', questions: [6], says: 'v0’s consumer under more than it stores', arch: 'v0', load: overload(4), rate: 8_000 },
    { id: 'listen', questions: [6], says: 'LISTEN/NOTIFY at 1,000 orders a second', arch: 'v1', knobs: { push: 'listen', batch: 20 }, load: steady(6), rate: 1_000 },
    ...(['off', '5s'] as const).map((cache): Asked => ({ id: `reads-cache-${cache}`, questions: [6], says: `analytics at rising rates, cache ${cache}`, arch: 'v1', knobs: { cache }, load: questions(isQuick ? 3 : 15), rate: 1, history: isQuick ? 100_000 : 500_000 })),
  ]
}

/** Questions to ten million orders: by scan, from a rollup, from columns. So few that the slowest of the three need not wait for each other. */
function large(): Asked[] {
  return (['v1', 'v4', 'v5'] as const).map((arch): Asked => ({ id: `ten-million-${arch}`, questions: [6], says: `a question every 5 s to 10 million orders in ${arch}`, arch, knobs: arch === 'v5' ? {} : { cache: 'off' }, load: { ...steady(90), customers: { commuter: 1, analyst: 1 }, timeoutMs: 60_000 }, rate: 0.4, history: 10_000_000 }))
}

function searches(): Asked[] {
  return (['v0', 'v1', 'v2', 'v4', 'v5', 'v3'] as const).map((arch): Asked => ({ id: `capacity-${arch}`, questions: [7], says: `the highest rate that ${arch} holds`, arch, load: { ...capacity(15), subscribers: 20 }, rate: 1_000 })).concat({
    id: 'capacity-v1-fixed', questions: [7], says: 'the highest rate that v1 holds with the quick fixes', arch: 'v1', knobs: FIXED, load: { ...capacity(15), subscribers: 20 }, rate: 1_000,
  })
}

function stepOf({ id, questions: answers, says, arch, knobs = {}, load, rate = 200, history = 0, repetitions = 1 }: Asked): Step {
  return { id, questions: answers, says, kind: load.search === undefined ? 'run' : 'search', architecture: arch, knobs, scenario: scenarioOf(id, says, rate, load), ratePerSecond: rate, history, repetitions }
}

function words(knobs: Step['knobs']): string {
  return Object.entries(knobs).map(([name, value]) => `${name}=${value}`).join(' ')
}
