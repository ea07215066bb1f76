/**
 * Each knob of v1 alone against the base: whole runs of the lab in fresh systems, base and variants in a new random order in every round.
 * The gain is the variant's figure over the base's of the same round. `npm run bench:knobs -- [rounds] [group]`
 */
import type { RunOptions } from '../src/experiment/plan.ts'
import { mergeSeries } from '../src/run/record.ts'
import { percentilesMs } from '../src/measure/histogram.ts'
import { analytics } from '../src/scenarios/analytics.ts'
import { scenarioSchema, type Scenario } from '../src/scenarios/scenario.ts'
import { spike } from '../src/scenarios/spike.ts'
import { acceptedIn, labRun, shuffled, type Measured } from './lab-run.ts'
import { median, row, thousands } from './stack.ts'

type Figure = (measured: Measured) => number | undefined

interface Group {
  title: string
  scenario: Scenario
  options?: Partial<RunOptions>
  base: string[]
  /** Each set of knobs alone. */
  variants: string[][]
  figures: Record<string, Figure>
}

const scenario = (phases: object[], more: object = {}): Scenario =>
  scenarioSchema.parse({
    id: 'bench', title: 'bench', says: 'bench', baseRate: 500, phases, customers: { commuter: 0.98, browser: 0.02 },
    subscribers: 10, connections: 256, timeoutMs: 10_000, settleSeconds: 60, expectations: [], ...more,
  })

const warmup = { name: 'warmup', seconds: 3, shape: { kind: 'constant', rate: 1 }, warmup: true }
const metric = (name: string): Figure => ({ record }) => {
  const values = record.phases.filter((phase) => phase.measured).flatMap((phase) => phase.samples).flatMap((sample) => sample.metrics?.[name] ?? [])
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length
}
const latency = (series: 'latency' | 'readLatency', at: 'p50' | 'p95' | 'p99'): Figure => ({ record }) => {
  const merged = mergeSeries(record.phases.filter((phase) => phase.measured && phase.open), series)
  return merged && percentilesMs(merged)[at]
}
const cpuOf = (service: string): Figure => ({ summary }) => summary.resources[service]?.meanCpu

const GROUPS: Record<string, Group> = {
  saturation: {
    title: 'Saturation: 50 connections, one order each',
    scenario: scenario([warmup, { name: 'saturation', seconds: 5, shape: { kind: 'saturation', connections: 50 } }], { customers: { commuter: 1 }, subscribers: 0 }),
    base: [],
    variants: [
      ['pool=2'], ['pool=40'], ['syncCommit=off'], ['batch=50'], ['indexes=0'], ['indexes=3'], ['partition=range'], ['write=buffer'],
      ['counters=hot'], ['counters=table'], ['counters=table', 'batch=50'], ['breaker=on'], ['rateLimit=9000000/min'], ['api=2'],
    ],
    figures: { 'accepted/s': acceptedIn('saturation') },
  },
  freshness: {
    title: 'Constant 500 orders/s, a second between two aggregations',
    scenario: scenario([warmup, { name: 'constant', seconds: 10, shape: { kind: 'constant', rate: 1 } }]),
    base: [],
    variants: [['push=poll'], ['push=listen'], ['counters=hot'], ['counters=table'], ['payload=diff'], ['aggregators=2'], ['interval=200'], ['aggregator=incremental', 'interval=200'], ['schedule=adaptive', 'interval=200']],
    figures: {
      'visible p50 ms': ({ summary }) => summary.accounting?.freshnessMs?.p50,
      'order p99 ms': latency('latency', 'p99'),
      'PostgreSQL CPU, cores': cpuOf('postgres'),
      'bytes a push': ({ record }) => record.watched && record.watched.bytes / Math.max(1, record.watched.messages),
    },
  },
  reads: {
    title: 'Scenario analytics: reads at rising rates beside constant writes, 200,000 orders of history',
    scenario: { ...analytics, phases: analytics.phases.map((phase) => ({ ...phase, seconds: phase.seconds / 2 })) },
    options: { history: '200000' },
    base: ['cache=off'],
    variants: [['cache=5s'], ['cache=5s', 'stampede=lock'], ['cache=off', 'replica=on'], ['cache=off', 'indexes=0']],
    figures: {
      'read p95 ms': latency('readLatency', 'p95'),
      'read queries/s': metric('lab_db_read_queries_total'),
      'order p99 ms': latency('latency', 'p99'),
    },
  },
  overload: {
    title: 'Offered more than the pool can write: 6,000 orders/s for 8 s, pool=2',
    scenario: scenario([warmup, { name: 'overload', seconds: 8, shape: { kind: 'constant', rate: 12 } }], { customers: { commuter: 1 }, subscribers: 0 }),
    base: ['pool=2'],
    variants: [['pool=2', 'poolWait=100'], ['pool=2', 'poolWait=5000'], ['pool=2', 'rateLimit=60/min']],
    figures: { 'accepted/s': acceptedIn('overload'), 'order p99 ms': latency('latency', 'p99'), 'order p50 ms': latency('latency', 'p50') },
  },
  outage: {
    title: 'PostgreSQL paused for 6 s in 16 s of 200 orders/s',
    scenario: scenario([warmup, { name: 'constant', seconds: 16, shape: { kind: 'constant', rate: 0.4 } }], { customers: { commuter: 1 }, subscribers: 0 }),
    options: { fault: ['pause:postgres@6s+6s'] },
    base: [],
    variants: [['breaker=on']],
    figures: {
      'order p50 ms': latency('latency', 'p50'),
      'order p99 ms': latency('latency', 'p99'),
      'unknown orders': ({ summary }) => summary.accounting?.unknown,
      'accepted orders': ({ summary }) => summary.accounting?.ok,
    },
  },
  autoscale: {
    title: 'The spike (500 to 5,000 orders/s) with and without autoscale',
    scenario: spike,
    base: [],
    variants: [['autoscale=on']],
    figures: { 'order p99 ms': latency('latency', 'p99'), 'order p50 ms': latency('latency', 'p50'), 'accepted orders': ({ summary }) => summary.accounting?.ok },
  },
}

const [rounds = '3', only = ''] = process.argv.slice(2)
for (const [name, group] of Object.entries(GROUPS)) if (only === '' || only.split(',').includes(name)) await measure(name, group)

async function measure(name: string, { title, scenario: load, options, base, variants, figures }: Group): Promise<void> {
  const sets = [base, ...variants]
  const measured = new Map(sets.map((set) => [set, [] as (Record<string, number | undefined> | undefined)[]]))
  for (let round = 0; round < Number(rounds); round++) {
    for (const set of shuffled(sets)) {
      const got = await labRun('v1', set, load, options).catch((error: unknown) => void process.stderr.write(`${name}: ${String(error)}\n`))
      const found = got && Object.fromEntries(Object.entries(figures).map(([figure, of]) => [figure, of(got)]))
      measured.get(set)!.push(found)
      if (got) process.stderr.write(`${name} ${round + 1} ${set.join(' ') || 'base'}: ${JSON.stringify(found)} exit ${got.summary.verdict?.exitCode}${got.summary.verdict?.exitCode ? ` ${got.summary.verdict.reasons[0]}` : ''}\n`)
    }
  }
  process.stdout.write(`\n### ${title}\n\n`)
  row('knobs', ...Object.keys(figures).flatMap((figure) => [figure, '÷ base']))
  row('---', ...Object.keys(figures).flatMap(() => ['---:', '---:']))
  for (const set of sets) row(`\`${set.join(' ') || 'base'}\`${set === base && set.length > 0 ? ' (base)' : ''}`, ...Object.keys(figures).flatMap((figure) => cells(measured.get(set)!, measured.get(base)!, figure)))
}

function cells(all: readonly (Record<string, number | undefined> | undefined)[], base: typeof all, figure: string): string[] {
  const values = all.flatMap((one) => one?.[figure] ?? [])
  if (values.length === 0) return ['–', '–']
  const ratios = all.flatMap((one, round) => {
    const [mine, other] = [one?.[figure], base[round]?.[figure]]
    return mine === undefined || other === undefined || other === 0 ? [] : [mine / other]
  })
  const spread = ratios.length === 0 || all === base ? '' : `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} – ${Math.max(...ratios).toFixed(2)})`
  const middle = median(values)
  return [middle >= 100 ? thousands(middle) : middle.toFixed(middle >= 10 ? 1 : 2), spread]
}
