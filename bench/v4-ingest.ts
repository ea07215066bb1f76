/**
 * v4 at 1,000 events a second for five minutes and 2,000 a second for half a minute after it: a whole run of the lab, every event accounted for.
 * `npm run bench:v4-ingest -- [seconds] [seconds of the burst] [knob=value …]`
 */
import { percentileMs } from '../src/measure/histogram.ts'
import { scenarioSchema } from '../src/scenarios/scenario.ts'
import { labRun } from './lab-run.ts'
import { row, thousands } from './stack.ts'

const [seconds = '300', burst = '30', ...set] = process.argv.slice(2)
const MIB = 2 ** 20

const scenario = scenarioSchema.parse({
  id: 'bench', title: 'bench', says: 'bench', baseRate: 1_000, customers: { commuter: 1 },
  phases: [
    { name: 'warmup', seconds: 8, shape: { kind: 'constant', rate: 1 }, warmup: true },
    { name: 'steady', seconds: Number(seconds), shape: { kind: 'constant', rate: 1 } },
    { name: 'burst', seconds: Number(burst), shape: { kind: 'constant', rate: 2 } },
  ],
  subscribers: 10, connections: 256, timeoutMs: 10_000, settleSeconds: 120, expectations: [],
})
const { record, summary } = await labRun('v4', set, scenario)

row('phase', 'offered/s', 'accepted/s', 'ingest p50 ms', 'p99 ms', 'p99.9 ms', 'errors', 'backlog at most')
row('---', '---:', '---:', '---:', '---:', '---:', '---:', '---:')
for (const phase of record.phases.filter((it) => it.measured)) {
  const { offeredPerSecond, acceptedPerSecond, errors, peakBacklog } = summary.phases.find((it) => it.name === phase.name)!
  const at = (percentile: number) => (phase.histograms.latency === undefined ? '–' : percentileMs(phase.histograms.latency, percentile).toFixed(1))
  const backlog = peakBacklog === undefined ? '–' : thousands(peakBacklog)
  row(phase.name, thousands(offeredPerSecond), thousands(acceptedPerSecond), at(50), at(99), at(99.9), String(errors), backlog)
}

const { accounting, drainSeconds, verdict } = summary
process.stdout.write('\n')
const counts = ['accepted', 'stored', 'lost', 'duplicated', 'altered', 'miscounted', 'leaked']
row(...counts, 'stored after, p50 / p99 ms', 'on the dashboard after, p50 / p99 ms', 'backlog gone after, s')
row(...counts.map(() => '---:'), '---:', '---:', '---:')
const both = (lag: { p50: number; p99: number } | undefined) => (lag === undefined ? '–' : `${lag.p50.toFixed(0)} / ${lag.p99.toFixed(0)}`)
row(
  ...[accounting?.ok, accounting?.stored, accounting?.lost, accounting?.duplicated, accounting?.altered, accounting?.miscounted.length, accounting?.leaked]
    .map((value) => (value === undefined ? '–' : thousands(value))),
  both(accounting?.persistedLagMs), both(accounting?.freshnessMs), drainSeconds?.toFixed(1) ?? '–',
)

process.stdout.write('\n')
row('service', 'CPU, cores', 'at most', 'memory at most, MiB', 'CPU ms per thousand events')
row('---', '---:', '---:', '---:', '---:')
for (const [service, { meanCpu, maxCpu, maxRssBytes, cpuMsPerThousand }] of Object.entries(summary.resources)) {
  row(service, meanCpu.toFixed(2), maxCpu.toFixed(2), (maxRssBytes / MIB).toFixed(0), cpuMsPerThousand?.toFixed(0) ?? '–')
}
process.stdout.write(`\n${verdict?.outcome ?? 'no verdict'}${verdict?.reasons.length ? `: ${verdict.reasons.join('; ')}` : ''}\n`)
