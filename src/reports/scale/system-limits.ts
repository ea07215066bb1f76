import { AGGREGATION_INTERVAL_MS, AGGREGATORS, aggregation, FAN_OUT, HISTORIES, historyName, SOCKETS, sockets, STREAM_CONNECTIONS, V1_BASE, V1_CHANGES } from '../../scenarios/scale/steps.ts'
import { setOf, type ScaleSize } from '../../scenarios/scale/step.ts'
import { int, mib, ms } from '../numbers.ts'
import { slopeOf } from '../statistics/slope.ts'
import { table } from '../table.ts'
import { cell, runIds, runsCell, seconds } from './cells.ts'
import { cpuMsPerThousand, figureOf, freshnessP50Ms, freshnessP99Ms, inside, insideMax, maxCpu, orderP99Ms, rssBytes, saturation, saturationErrors, saturationP99Ms, type Results } from './result.ts'

/** 1: where INSERT gives out. */
export function insertSection(results: Results, size: ScaleSize): string {
  const rows = [{ id: V1_BASE, name: 'defaults' }, ...V1_CHANGES.filter(({ quick }) => quick || size === 'full').map((step) => ({ id: step.id, name: setOf(step).join(' ') }))].map(({ id, name }) => [
    name,
    cell(results, id, saturation, int),
    cell(results, id, saturationP99Ms, ms),
    cell(results, id, insideMax('lab_pool_waiting'), int),
    cell(results, id, maxCpu('postgres')),
    cell(results, id, cpuMsPerThousand),
    runsCell(results, id),
  ])
  const best = V1_CHANGES.flatMap((step) => {
    const figure = figureOf(results, step.id, saturation)
    return figure === undefined ? [] : [{ name: setOf(step).join(' '), ...figure }]
  }).sort((a, b) => b.value - a.value)[0]
  const base = figureOf(results, V1_BASE, saturation)
  const answer = base === undefined ? 'The defaults were not measured: no answer.' : `With default knobs v1 stores ${int(base.value)} orders/s at the most${best === undefined || best.value <= base.value ? '' : `; the most of all that was tried is ${int(best.value)}/s, with ${best.name}`}.`
  return ['## 1. Where does PostgreSQL INSERT become the bottleneck?', answer, table(['v1 with', 'orders/s', 'order p99', 'most orders waiting for a connection', 'PostgreSQL, cores at most', 'CPU ms per 1,000', 'runs'], rows, 9), exhaustion(results)].join('\n\n')
}

function exhaustion(results: Results): string {
  const step = 'v1-exhausted'
  const refused = figureOf(results, step, saturationErrors)
  const accepted = figureOf(results, step, saturation)
  if (refused === undefined || accepted === undefined) return `Pool exhaustion: ${runsCell(results, step)}.`
  return `Pool exhaustion: 400 senders, two connections, 20 ms to wait: ${int(accepted.value)} orders/s are stored, ${int(refused.value)} in all are not (503, or no answer), ${cell(results, step, saturationP99Ms, ms)} p99 (${runIds(refused)}).`
}

/** 2: where aggregation gives out: a run of it takes longer than the time between two, or the process dies. */
export function aggregationSection(results: Results, size: ScaleSize): string {
  const intervalS = AGGREGATION_INTERVAL_MS / 1_000
  const rows = AGGREGATORS.flatMap((aggregator) =>
    HISTORIES[size].map((orders) => {
      const id = aggregation(aggregator, orders)
      const took = figureOf(results, id, inside('lab_aggregation_seconds'))
      const late = took === undefined ? '–' : took.value > intervalS ? '**yes**' : 'no'
      return [aggregator, int(orders), cell(results, id, inside('lab_aggregation_seconds'), seconds), late, cell(results, id, insideMax('lab_aggregation_rss_bytes'), mib), cell(results, id, orderP99Ms, ms), cell(results, id, freshnessP50Ms, ms), runsCell(results, id)]
    }),
  )
  const says = AGGREGATORS.map((aggregator) => {
    const broken = breaksAt(results, aggregator, size)
    return `${aggregator}: ${broken === undefined ? 'not measured' : broken.at === undefined ? `not up to ${historyName(broken.largest)}` : `at ${historyName(broken.at)}`}`
  })
  const head = ['aggregator', 'orders', 'one run', `longer than the ${intervalS} s between two`, 'its memory', 'order p99', 'visible p50', 'runs']
  return ['## 2. Where does batch aggregation break?', `Where one run takes longer than the interval (${says.join('; ')}). What writers feel of it is their p99; waits for locks are in it, and not told apart.`, table(head, rows, 9)].join('\n\n')
}

/** The smallest history whose aggregation outlasts its interval; `undefined` where none was measured. */
export function breaksAt(results: Results, aggregator: string, size: ScaleSize): { at?: number; largest: number; runIds: readonly string[] } | undefined {
  const measured = HISTORIES[size].flatMap((orders) => {
    const figure = figureOf(results, aggregation(aggregator, orders), inside('lab_aggregation_seconds'))
    return figure === undefined ? [] : [{ orders, figure }]
  })
  const at = measured.find(({ figure }) => figure.value * 1_000 > AGGREGATION_INTERVAL_MS)?.orders
  const ids = measured.flatMap(({ figure }) => figure.runIds)
  return measured.length === 0 ? undefined : { ...(at !== undefined && { at }), largest: measured.at(-1)!.orders, runIds: ids }
}

/** 3: what Redis costs by senders, and by who listens. */
export function redisSection(results: Results, size: ScaleSize): string {
  const streams = STREAM_CONNECTIONS[size].map((connections) => {
    const id = `stream-${connections}`
    return [int(connections), cell(results, id, saturation, int), cell(results, id, saturationP99Ms, ms), cell(results, id, maxCpu('redis')), cell(results, id, rssBytes('redis'), mib), cell(results, id, maxCpu('api')), runsCell(results, id)]
  })
  const fan = FAN_OUT[size].map((api) => {
    const id = `fan-out-${api}`
    return [int(api), cell(results, id, freshnessP50Ms, ms), cell(results, id, freshnessP99Ms, ms), cell(results, id, maxCpu('redis')), runsCell(results, id)]
  })
  return [
    '## 3. Where does Redis become the bottleneck?',
    'Redis executes on one core: it gives out where it uses one. The orders of v2, each an XADD:',
    table(['senders', 'orders/s', 'order p99', 'Redis, cores at most', 'Redis, memory', 'API, cores at most', 'runs'], streams, 9),
    fan.length === 0 ? 'Pub/Sub fan-out is measured in the full size alone.' : `Pub/Sub to API replicas, 200 sockets:\n\n${table(['replicas', 'visible p50', 'visible p99', 'Redis, cores at most', 'runs'], fan, 9)}`,
  ].join('\n\n')
}

/** 4: sockets on one replica. */
export function socketSection(results: Results, size: ScaleSize): string {
  const counts = SOCKETS[size]
  const rows = counts.map((count) => {
    const id = sockets(count)
    return [int(count), cell(results, id, freshnessP50Ms, ms), cell(results, id, freshnessP99Ms, ms), cell(results, id, maxCpu('api')), cell(results, id, rssBytes('api'), mib), runsCell(results, id)]
  })
  const memory = counts.flatMap((count) => {
    const figure = figureOf(results, sockets(count), rssBytes('api'))
    return figure === undefined ? [] : [{ count, figure }]
  })
  const each = memory.length < 2 ? undefined : slopeOf(memory.map(({ count }) => count), memory.map(({ figure }) => figure.value))
  const says = each === undefined ? 'Memory per connection was not measured: it takes two counts.' : `An API replica takes ${(each.slope / 1_024).toFixed(1)} KiB for a connection, the slope over the rows (${runIds(...memory.map(({ figure }) => figure))}).`
  return ['## 4. Where do WebSockets break?', says, table(['sockets', 'visible p50', 'visible p99', 'API, cores at most', 'API, memory', 'runs'], rows, 9)].join('\n\n')
}

