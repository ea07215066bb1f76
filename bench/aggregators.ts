/**
 * The four aggregators of v1 at growing histories, beside 300 orders a second: how long one run takes, what it needs, and what writers feel
 * meanwhile. `npm run bench:aggregators -- [orders,orders,…] [aggregator,…]`
 */
import { percentilesMs } from '../src/measure/histogram.ts'
import { mergeSeries } from '../src/run/record.ts'
import { scenarioSchema } from '../src/scenarios/scenario.ts'
import { labRun } from './lab-run.ts'
import { median, row, thousands } from './stack.ts'

const [sizes = '100000,500000,1000000,10000000', names = 'full-scan,group-by,incremental,materialized-view'] = process.argv.slice(2)
const MIB = 2 ** 20
const scenario = scenarioSchema.parse({
  id: 'bench', title: 'bench', says: 'bench', baseRate: 300, customers: { commuter: 1 },
  phases: [
    { name: 'warmup', seconds: 3, shape: { kind: 'constant', rate: 1 }, warmup: true },
    { name: 'constant', seconds: 15, shape: { kind: 'constant', rate: 1 } },
  ],
  subscribers: 2, connections: 64, timeoutMs: 10_000, settleSeconds: 180, expectations: [],
})

row('history, orders', 'aggregator', 'one run, s (median)', 'longest, s', "aggregator's memory, MiB", 'order p50 ms', 'order p99 ms', 'visible p50 ms', 'ended')
row('---:', '---', '---:', '---:', '---:', '---:', '---:', '---:', '---')
for (const size of sizes.split(',')) {
  for (const aggregator of names.split(',')) {
    try {
      const { record, summary } = await labRun('v1', [`aggregator=${aggregator}`, 'heap=2048'], scenario, { history: size })
      const samples = record.phases.filter((phase) => phase.measured).flatMap((phase) => phase.samples)
      const values = (metric: string) => samples.flatMap((sample) => sample.metrics?.[metric] ?? [])
      const runs = values('lab_aggregation_seconds')
      const latency = mergeSeries(record.phases.filter((phase) => phase.measured), 'latency')
      const orders = latency && percentilesMs(latency)
      row(
        thousands(Number(size)), aggregator,
        runs.length === 0 ? '–' : median(runs).toFixed(3),
        runs.length === 0 ? '–' : Math.max(...values('lab_aggregation_max_seconds'), ...runs).toFixed(3),
        (Math.max(0, ...samples.map((sample) => sample.services['aggregator']?.rssBytes ?? 0)) / MIB).toFixed(0),
        orders?.p50.toFixed(1) ?? '–', orders?.p99.toFixed(1) ?? '–', summary.accounting?.freshnessMs?.p50.toFixed(0) ?? '–',
        summary.verdict?.outcome === 'passed' ? 'exact' : (summary.verdict?.reasons[0] ?? '–').slice(0, 120),
      )
    } catch (error) {
      row(thousands(Number(size)), aggregator, '–', '–', '–', '–', '–', '–', String((error as Error).message).split('\n')[0]!.slice(0, 160))
    }
  }
}
