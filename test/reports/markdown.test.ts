import { expect, test } from 'vitest'
import { markdownReport } from '../../src/reports/markdown.ts'
import { summarise } from '../../src/reports/summarise.ts'
import { judge } from '../../src/reports/verdict.ts'
import type { RunRecord } from '../../src/run/record.ts'
import { reduce } from '../../src/run/state.ts'
import { latencies, phaseRecord, runRecord, sampleAt } from './records.ts'

function report(record: RunRecord): string {
  const judged = { ...record, state: reduce(record.state, { atMs: 5_000, type: 'judged', verdict: judge(record) }) }
  return markdownReport(judged, summarise(judged))
}

test('opens with the answer in three lines', () => {
  const [title, , verdict, figures, validity, blank] = report(runRecord()).split('\n')
  expect(title).toBe('# A spike to ten times the base load: v2')
  expect(verdict).toMatch(/^- \*\*PASSED\*\*/)
  expect(figures).toMatch(/1,000 of 1,000 events accepted, 1,000 stored, 0 lost · peak 100 accepted\/s · latency p50 3.00 ms, p99 20.0 ms/)
  expect(validity).toMatch(/^- Validity: the measurement can be believed/)
  expect(blank).toBe('')
})

test('names what was lost, and says so first', () => {
  const text = report(runRecord({ accounting: { lost: 2, examples: { lost: ['id-1', 'id-2'], duplicated: [], phantom: [], unexpected: [], altered: [] } } }))
  expect(text.split('\n')[2]).toMatch(/^- \*\*FAILED\*\*: 2 lost \(of 1,000 accepted\)/)
  expect(text).toContain('- `id-1`\n- `id-2`')
})

test('says INVALID once, and why', () => {
  const text = report(runRecord({ phases: [phaseRecord({ histograms: { latency: latencies(2_000), sendLag: latencies(50_000) } })] }))
  expect(text.split('\n')[2]).toMatch(/^- \*\*INVALID\*\*: send lag in hold: p99 50/)
})

test('a run without a verdict says what it came to', () => {
  const record = runRecord()
  const aborted = { ...record, state: reduce(record.state, { atMs: 5_000, type: 'run-ended', status: 'aborted', exitCode: 130, why: 'interrupted' }) }
  expect(markdownReport(aborted, summarise(aborted))).toContain('**ABORTED**: the run did not come to a verdict')
})

test('a run that ended before the load makes a report too', () => {
  expect(report(runRecord({ phases: [], samples: [], injected: undefined, watched: undefined }))).toContain('## Run it again')
})

test('gaps in the series are no error', () => {
  const samples = [1, 2, 3, 4].map((second) => sampleAt(second, second % 2 === 0 ? { backlog: undefined, latency: undefined, stored: undefined } : {}))
  expect(report(runRecord({ phases: [phaseRecord({ samples })] }))).toContain('### Backlog')
})

test('carries the command, the machine and the versions', () => {
  const text = report(runRecord())
  expect(text).toContain('./lab run spike --arch v2')
  expect(text).toContain('CPU, 2 cores, 16.0 GiB')
  expect(text).not.toMatch(/undefined|NaN|Infinity/)
})
