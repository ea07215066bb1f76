import { expect, test } from 'vitest'
import { judgeValidity } from '../../src/reports/validity.ts'
import { EXACT, NO_COUNTS, latencies, phaseRecord, runRecord, sampleAt } from './records.ts'

const failing = (record: ReturnType<typeof runRecord>) => judgeValidity(record).filter((finding) => finding.ok === false).map((finding) => finding.check)

test('a good run is believed', () => {
  expect(failing(runRecord())).toEqual([])
})

test('sends that do not add up', () => {
  const injected = runRecord().injected!
  const events = { ...injected.counts.events, scheduled: 1_001 }
  expect(failing(runRecord({ injected: { ...injected, counts: { events, reads: NO_COUNTS } }, accounting: { scheduled: 1_001 } }))).toEqual(['accounting of events'])
})

test('requests that are still in flight at the end', () => {
  const injected = runRecord().injected!
  const events = { ...injected.counts.events, ok: 999, inFlight: 1 }
  expect(failing(runRecord({ injected: { ...injected, counts: { events, reads: NO_COUNTS } }, accounting: { ...EXACT, ok: 999 } }))).toEqual(['accounting of events'])
})

test('a ledger that differs from the counts', () => {
  expect(failing(runRecord({ accounting: { ok: 999, unknown: 1 } }))).toEqual(['ledger'])
})

test('no word from the injector', () => {
  expect(failing(runRecord({ injected: undefined }))).toContain('accounting')
})

test.each([
  ['6 ms late where p99 is 20 ms', 6_000, 20_000, ['send lag in hold']],
  ['4 ms late where p99 is 20 ms', 4_000, 20_000, []],
  ['6 ms late where p99 is 100 ms', 6_000, 100_000, []],
  ['12 ms late where p99 is 100 ms', 12_000, 100_000, ['send lag in hold']],
])('send lag: %s', (_, lagUs, p99Us, checks) => {
  expect(failing(runRecord({ phases: [phaseRecord({ histograms: { latency: latencies(p99Us), sendLag: latencies(lagUs) } })] }))).toEqual(checks)
})

test('an injector that used up its core', () => {
  const samples = [1, 2, 3].map((second) => sampleAt(second, { injector: { cpuShare: 0.9, loopDelayP99Ms: 1, sendLagP99Ms: 1, rssBytes: 0, connections: 1 } }))
  expect(failing(runRecord({ phases: [phaseRecord({ samples })] }))).toEqual(["injector's CPU in hold"])
})

test('an event loop that stalled', () => {
  const histograms = { latency: latencies(2_000), sendLag: latencies(500), loopDelay: latencies(30_000) }
  expect(failing(runRecord({ phases: [phaseRecord({ histograms })] }))).toEqual(["injector's loop delay in hold"])
})

test.each([
  ['as predicted', 2_000, []],
  ['9 % more', 2_180, []],
  ['12 % more', 2_240, ["Little's law in hold"]],
  ['a tenth', 200, []],
])("Little's law: in flight %s", (_, inFlightSum, checks) => {
  const { sums } = phaseRecord()
  expect(failing(runRecord({ phases: [phaseRecord({ sums: { ...sums!, inFlightSum } })] }))).toEqual(checks)
})

test('warm-up is not judged', () => {
  expect(failing(runRecord({ phases: [phaseRecord({ measured: false, histograms: { latency: latencies(1_000), sendLag: latencies(50_000) } })] }))).toEqual([])
})

test('2 % never sent, with nothing refused', () => {
  const injected = runRecord().injected!
  const events = { ...injected.counts.events, ok: 980, sent: 980, neverSent: 20 }
  expect(failing(runRecord({ injected: { ...injected, counts: { events, reads: NO_COUNTS } }, accounting: { ok: 980, neverSent: 20 } }))).toEqual(['achieved load'])
})

test('a closed loop whose connections dropped', () => {
  expect(failing(runRecord({ injected: { ...runRecord().injected!, invalid: ['3 connections dropped'] } }))).toEqual(['closed loop'])
})

test('a stolen machine', () => {
  const samples = [sampleAt(1, { machine: { cpuBusy: 0.5, stealShare: 0.2, load1: 1 } })]
  expect(failing(runRecord({ phases: [phaseRecord({ samples })] }))).toEqual(['stolen CPU time'])
})
