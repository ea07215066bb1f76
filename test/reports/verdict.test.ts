import { describe, expect, test } from 'vitest'
import type { Accounting } from '../../src/reports/reconcile.ts'
import { judge } from '../../src/reports/verdict.ts'
import { latencies, phaseRecord, runRecord, STARTED } from './records.ts'

test('a good run passes', () => {
  expect(judge(runRecord())).toMatchObject({ outcome: 'passed', exitCode: 0, reasons: [] })
})

test.each(['lost', 'duplicated', 'phantom', 'unexpected', 'altered'] as const)('one %s event fails the run with 7', (kind) => {
  const verdict = judge(runRecord({ accounting: { [kind]: 1 } }))
  expect(verdict).toMatchObject({ outcome: 'failed', exitCode: 7 })
  expect(verdict.reasons[0]).toContain(`1 ${kind}`)
})

test('one miscounted figure fails the run with 7, named', () => {
  const verdict = judge(runRecord({ accounting: { miscounted: [{ figure: 'count', expected: 1_000, shown: 999 }] } }))
  expect(verdict.exitCode).toBe(7)
  expect(verdict.reasons[0]).toContain('count shows 999, the stored ids make 1,000')
})

test('a backlog that does not drain fails the run with 7', () => {
  expect(judge(runRecord({ events: [{ type: 'settled', tookMs: 60_000, backlog: 12, drained: false }] }))).toMatchObject({ exitCode: 7 })
})

describe('loss that the guarantee allows', () => {
  const run = { ...STARTED, guarantee: { level: 'at-most-once' as const, says: '', mayLose: { after: ['redis'], says: 'the last 2 s' } } }
  const verdictOf = (accounting: Partial<Accounting>) => judge({ ...runRecord({ accounting }), run })

  test('all of it: passed, and said', () => {
    expect(verdictOf({ lost: 3, lostExcused: 3 })).toMatchObject({ outcome: 'passed', exitCode: 0, reasons: [], remarks: ['lost 3 of 1,000 accepted, as at-most-once allows'] })
  })
  test('a part of it: failed, with what lies outside', () => {
    const verdict = verdictOf({ lost: 3, lostExcused: 1 })
    expect(verdict).toMatchObject({ outcome: 'failed', exitCode: 7, reasons: ['2 of the 3 lost lie outside what the guarantee allows (the last 2 s)'] })
    expect(verdict.remarks).toBeUndefined()
  })
  test('none of it: failed', () => expect(verdictOf({ lost: 3 })).toMatchObject({ exitCode: 7, reasons: ['3 lost (of 1,000 accepted)'] }))
  test('excuses nothing else', () => expect(verdictOf({ lost: 3, lostExcused: 3, duplicated: 1 }).exitCode).toBe(7))
})

const late = phaseRecord({ histograms: { latency: latencies(2_000), sendLag: latencies(50_000) } })

test('a measurement that cannot be believed is invalid, with the reason', () => {
  const verdict = judge(runRecord({ phases: [late] }))
  expect(verdict).toMatchObject({ outcome: 'invalid', exitCode: 6 })
  expect(verdict.reasons[0]).toMatch(/^send lag in hold/)
})

test('lost data outweighs an invalid measurement', () => {
  expect(judge(runRecord({ phases: [late], accounting: { lost: 1 } }))).toMatchObject({ outcome: 'failed', exitCode: 7 })
})

test('a missed expectation fails the run with 4, with what was measured', () => {
  const verdict = judge(runRecord({ phases: [phaseRecord({ histograms: { latency: latencies(2_000_000), sendLag: latencies(500) } })] }))
  expect(verdict).toMatchObject({ outcome: 'failed', exitCode: 4 })
  expect(verdict.reasons[0]).toMatch(/p99 latency of orders \(ms\) at most 1000, measured 2000/)
})

test('a subscriber left behind is a missed expectation', () => {
  expect(judge(runRecord({ watched: { ...runRecord().watched!, lowest: 900 } }))).toMatchObject({ exitCode: 4 })
})

test('a socket that broke its promise fails the run, with what it did', () => {
  const verdict = judge(runRecord({ watched: { ...runRecord().watched!, violations: ['version went back from 7 to 5'] } }))
  expect(verdict).toMatchObject({ outcome: 'failed', exitCode: 4 })
  expect(verdict.reasons[0]).toContain('version went back from 7 to 5')
})

test('a service that died and stayed dead fails the run, one that was restarted does not', () => {
  const death = { type: 'service-exited' as const, atMs: 0, service: 'worker', replica: 0, code: 1, signal: null, expected: false, willRestart: false, lastLines: [] }
  expect(judge(runRecord({ deaths: [death] }))).toMatchObject({ outcome: 'failed', exitCode: 4 })
  expect(judge(runRecord({ deaths: [{ ...death, willRestart: true }] })).outcome).toBe('passed')
})
