import { expect, test } from 'vitest'
import { insideFigures } from '../../src/reports/inside.ts'
import { markdownReport } from '../../src/reports/markdown.ts'
import { summarise } from '../../src/reports/summarise.ts'
import { latencies, phaseRecord, runRecord, sampleAt } from './records.ts'
import { percentilesMs } from '../../src/measure/histogram.ts'

const samples = (...metrics: (Record<string, number> | undefined)[]) => metrics.map((one, i) => sampleAt(i + 1, one === undefined ? {} : { metrics: one }))

test('mean, largest second, and mean by phase; gaps count for nothing', () => {
  const phases = [phaseRecord({ name: 'base', samples: samples({ lab_x: 1 }, undefined, { lab_x: 3 }) }), phaseRecord({ name: 'hold', samples: samples({ lab_x: 8 }, {}) })]
  expect(insideFigures(phases)).toEqual({ lab_x: { mean: 4, max: 8, phases: { base: 2, hold: 8 } } })
})

test('a counter stands at zero until it is first told', () => {
  const phases = [phaseRecord({ samples: samples({ lab_y: 1 }, { lab_y: 1, lab_x_total: 4 }, { lab_y: 1 }, { lab_y: 1, lab_x_total: 2 }) })]
  expect(insideFigures(phases).lab_x_total).toEqual({ mean: 2, max: 4, phases: { hold: 2 } })
})

test('hit rate is of all that was asked, statements are added up', () => {
  const phases = [phaseRecord({ name: 'busy', samples: samples({ lab_cache_hits_total: 90, lab_cache_misses_total: 10, lab_db_read_queries_total: 10, lab_db_write_queries_total: 5 }) }),
    phaseRecord({ name: 'quiet', samples: samples({ lab_cache_hits_total: 0, lab_cache_misses_total: 10, lab_db_read_queries_total: 10, lab_db_write_queries_total: 0 }) })]
  const { cache_hit_rate, db_queries } = insideFigures(phases)
  expect(cache_hit_rate).toEqual({ mean: 90 / 110, max: 0.9, phases: { busy: 0.9, quiet: 0 } })
  expect(db_queries).toEqual({ mean: 12.5, max: 15, phases: { busy: 15, quiet: 10 } })
})

function report(...args: Parameters<typeof runRecord>): string {
  const record = runRecord(...args)
  return markdownReport(record, summarise(record))
}

test('the report shows them by human names, with units', () => {
  const metrics = { lab_replica_lag_seconds: 0.0124, lab_cache_hits_total: 3, lab_cache_misses_total: 1, lab_strange: 5, lab_aggregation_rss_bytes: 2 ** 27, lab_sockets: 0 }
  const text = report({ phases: [phaseRecord({ name: 'base', samples: samples(metrics) }), phaseRecord({ samples: samples(metrics) })] })
  expect(text).toContain('## Inside the system\n\n|  | mean | max | base | hold |')
  expect(text).toContain('| replica: age | 12.4 ms | 12.4 ms | 12.4 ms | 12.4 ms |')
  expect(text).toContain('| cache hit rate | 75.0 % |')
  expect(text).toContain('| cache hits, per s | 3.00 |')
  expect(text).toContain('| aggregation: memory | 128 MiB |')
  expect(text).toContain('| `lab_strange` | 5.00 |')
  expect(text, 'what was zero all along').not.toContain('dashboard sockets')
  expect(report()).not.toContain('Inside the system')
})

test('reads have columns of their own where there are any', () => {
  const readLatency = latencies(4_000)
  const reading = phaseRecord({ samples: [1, 2].map((second) => sampleAt(second, { rates: { offered: 1, sent: 1, accepted: 1, reads: 30 } })), readLatencyMs: percentilesMs(readLatency) })
  expect(report({ phases: [reading] })).toMatch(/reads\/s \| read p95 .*\n.*\n\| hold .* 30 \| 4.00 \|/)
  expect(report()).not.toContain('reads/s')
})

test('scaling is told, and shown over time', () => {
  const phases = [phaseRecord({ samples: [1, 2, 3, 4].map((second) => sampleAt(second, { services: { api: { cpu: 1, rssBytes: 1, replicas: second < 3 ? 2 : 4 } } })) })]
  const text = report({ phases, events: [{ type: 'load-planned', startAtMs: 1_000 }, { type: 'scaled', service: 'api', from: 2, to: 4, says: 'busy' }] })
  expect(text).toContain('### Replicas of api')
  expect(text).toContain('- api scaled from 2 to 4 replicas at 0 s: busy')
  expect(text).toContain('more replicas than cores (4 on 2')
  expect(report()).not.toContain('Replicas of')
  const idle = runRecord({ phases })
  expect(markdownReport(idle, { ...summarise(idle), knobs: { autoscale: 'on' } })).toContain('autoscale had nothing to do: an API replica used at most 50 % of a core')
})
