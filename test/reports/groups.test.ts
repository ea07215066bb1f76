import { expect, test } from 'vitest'
import { gathering } from '../../src/experiment/second.ts'
import type { InjectorSnapshot, PhaseSeries } from '../../src/load/control.ts'
import { tally } from '../../src/load/tally.ts'
import { summarise } from '../../src/reports/summarise.ts'
import { tenantsSection } from '../../src/reports/tenants-table.ts'
import { judge } from '../../src/reports/verdict.ts'
import type { PhaseRecord, RunRecord } from '../../src/run/record.ts'
import { tenants } from '../../src/scenarios/tenants.ts'
import { NO_COUNTS, STARTED, latencies, phaseRecord, runRecord } from './records.ts'

const RATIO = { metric: 'othersP99Ratio' as const, atMost: 1.5 }

/** Latency of the others in each phase, ms. */
function recordOf(othersMs: Record<string, number>, events: object[] = []): RunRecord {
  const run = { ...STARTED, scenario: { ...tenants, trespass: false, faults: [], expectations: [RATIO] } }
  const groups = { noisy: { scheduled: 800, ok: 780, rejected: 20, unknown: 0, neverSent: 0, limited: 20 }, others: { scheduled: 200, ok: 200, rejected: 0, unknown: 0, neverSent: 0, limited: 0 } }
  const phases = Object.entries(othersMs).map(([name, ms], i): PhaseRecord => {
    const sums = phaseRecord().sums!
    return phaseRecord({ name, beganAtMs: i * 10_000, sums: { ...sums, phase: name, groups }, histograms: { ...phaseRecord().histograms, othersLatency: latencies(ms * 1_000), noisyLatency: latencies(50_000) } })
  })
  return runRecord({ run, phases, events })
}

const measuredIn = (record: RunRecord) => judge(record).expectations[0]

test.each([
  [{ calm: 10, noisy: 12, 'calm-again': 10 }, 1.2, true],
  [{ calm: 10, noisy: 20, 'calm-again': 10 }, 2, false],
  [{ calm: 10, noisy: 20, 'calm-again': 40 }, 0.5, true],
])('the others at %j ms: %d, met: %s', (othersMs, ratio, met) => {
  const result = measuredIn(recordOf(othersMs))!
  expect(result.met).toBe(met)
  expect(result.measured).toBeCloseTo(ratio, 1)
})

test('a phase in which anything was broken has no part in it', () => {
  const fault = [
    { type: 'fault-injected', fault: 'kill', service: 'worker', replica: 1 },
    { type: 'fault-healed', fault: 'kill', service: 'worker', replica: 1, tookMs: 100 },
  ]
  const record = recordOf({ calm: 10, noisy: 12, broken: 900 }, fault)
  // The record's events are at its first second.
  const shifted = { ...record, state: { ...record.state, faults: record.state.faults.map((one) => ({ ...one, injectedAtMs: 21_000, healedAtMs: 22_000 })) } }
  expect(measuredIn(shifted)!.measured).toBeCloseTo(1.2, 1)
  expect(measuredIn(record)!.measured).not.toBeCloseTo(1.2, 1)
})

test('without one kind of phase there is no ratio', () => {
  expect(measuredIn(recordOf({ calm: 10, 'calm-again': 12 }))!.met).toBe('not measured')
  expect(measuredIn(recordOf({ noisy: 10 }))!.met).toBe('not measured')
})

test('the report has both groups by phase, with their 429s', () => {
  const section = tenantsSection(summarise(recordOf({ calm: 10, noisy: 12 })))
  expect(section).toContain('| noisy | 20 | 12.0 | 12.0 | 0 | 80 | 50.0 | 50.0 | 20 |')
})

test('groups are added up over snapshots, and every drain begins anew', () => {
  const counted = tally([{ name: 'noisy', durationMs: 1_000, shape: { kind: 'constant', rate: 1 } }])
  const gathered = gathering()
  const snapshot = (series: PhaseSeries[]): InjectorSnapshot => ({ type: 'snapshot', atMs: 0, events: NO_COUNTS, reads: NO_COUNTS, errors: {}, errorSamples: {}, retries: 0, series, connections: { open: 0, opened: 0, dropped: 0 }, loopDelayP99Ms: 0, cpuShare: 0, rssBytes: 0 })
  for (let i = 0; i < 3; i++) {
    counted.phase(0).latency.record(1_000)
    counted.endedOf('noisy', 5, 'rejected', true, 1_000, 0)
    counted.endedOf('others', 1, 'ok', false, 2_000, 0)
    gathered.addInjector(snapshot(counted.drain()))
  }
  expect(gathered.phases()[0]!.groups).toEqual({
    noisy: { scheduled: 15, ok: 0, rejected: 15, unknown: 0, neverSent: 0, limited: 15 },
    others: { scheduled: 3, ok: 3, rejected: 0, unknown: 0, neverSent: 0, limited: 0 },
  })
  const { noisyLatency, othersLatency } = gathered.takeSecond().histograms.get(0)!
  expect([noisyLatency?.totalCount, othersLatency?.totalCount]).toEqual([3, 3])
})
