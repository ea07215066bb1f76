import { describe, expect, test } from 'vitest'
import { judgeProbe } from '../../src/reports/probe.ts'
import type { ExpectationResult, RunEvent, Verdict } from '../../src/run/events.ts'
import { initialState, reduce } from '../../src/run/state.ts'
import { breakpoint } from '../../src/scenarios/breakpoint.ts'
import { EXACT, sampleAt, STARTED } from './records.ts'

const { search: _, ...scenario } = breakpoint
const LATENCY = { p50: 2, p95: 9, p99: 20, max: 40, count: 1_000 }
const LATE = { check: 'send lag in hold', ok: false, says: 'p99 31 ms, allowed 5 ms' }
const STOLEN = { check: 'stolen CPU time', ok: false, says: '9 %, allowed 5 %' }
const UNSENT = { check: 'achieved load', ok: false, says: '80 % of what was offered left the injector' }
const LITTLE = { check: "Little's law in hold", ok: false, says: '30 % off' }
const missed = (metric: ExpectationResult['metric'], measured: number): ExpectationResult => ({ metric, says: `${metric} missed`, met: false, measured })

/** The state of a run whose judge found this; by itself it is a pass. */
function ran(verdict: Partial<Verdict>, ...more: object[]) {
  return ranBeside(0.3, verdict, ...more)
}

/** `cpuBusy`: of two cores, whoever made them so; the run's own processes use 0.55 of a core. */
function ranBeside(cpuBusy: number, verdict: Partial<Verdict>, ...more: object[]) {
  const events = [
    { ...STARTED, scenario },
    { type: 'load-planned', startAtMs: 1 },
    sampleAt(1, { phase: 'warmup' }),
    sampleAt(2, { machine: { cpuBusy, stealShare: 0, load1: 1 } }),
    sampleAt(3, { machine: { cpuBusy, stealShare: 0, load1: 1 } }),
    { type: 'settled', tookMs: 300, backlog: 0, drained: true },
    { type: 'accounted', accounting: EXACT },
    ...more,
    { type: 'judged', verdict: { outcome: 'passed', exitCode: 0, reasons: [], validity: [], expectations: [], latencyMs: LATENCY, ...verdict } },
    { type: 'run-ended', status: 'complete', exitCode: verdict.exitCode ?? 0 },
  ]
  return events.map((event, i) => ({ atMs: i, ...event }) as RunEvent).reduce(reduce, initialState)
}

const invalid = (validity: Verdict['validity'], expectations: ExpectationResult[] = []) => ran({ outcome: 'invalid', exitCode: 6, validity, expectations })

test('a run that passed is a rate that holds, with its figures', () => {
  const met: ExpectationResult[] = [{ metric: 'backlogGrowth', says: '', met: true, measured: 0.002 }, { metric: 'errorRate', says: '', met: true, measured: 0 }, { metric: 'drainSeconds', says: '', met: true, measured: 0.3 }]
  expect(judgeProbe(ran({ expectations: met }))).toEqual({
    outcome: 'passed', reasons: [],
    figures: { latencyMs: LATENCY, errorRate: 0, backlogGrowth: 0.002, drainSeconds: 0.3, acceptedPerSecond: 100 },
  })
})

test('a missed expectation is a rate that fails, and what gave out is looked for in the hold', () => {
  const judged = judgeProbe(ran({ outcome: 'failed', exitCode: 4, expectations: [missed('p99Ms', 400)] }))
  expect(judged).toMatchObject({ outcome: 'failed', reasons: ['p99Ms missed'], bottleneck: { what: 'undecided' } })
  expect(judged!.bottleneck!.evidence[0]).toContain('postgres 0.30')
})

describe('doubt', () => {
  test.each([
    ['a pass with a late injector', invalid([LATE]), 'late'],
    ['a slow answer with a late injector', invalid([LATE], [missed('p99Ms', 120)]), 'late'],
    ['errors with a late injector', invalid([LATE], [missed('errorRate', 0.2)]), 'late'],
    ['a growing backlog with a late injector: no lateness makes it grow', invalid([LATE], [missed('backlogGrowth', 0.1)]), 'failed'],
    ['a system so slow that the injector has no connection left', invalid([UNSENT, LITTLE], [missed('p99Ms', 10_000)]), 'failed'],
    ['too little sent, and yet nothing missed', invalid([UNSENT]), 'late'],
    ["Little's law off, and yet nothing missed", invalid([LITTLE]), 'late'],
    ['stolen time, whatever else', invalid([STOLEN, LATE], [missed('backlogGrowth', 0.1)]), 'disturbed'],
    ['books that do not balance', invalid([{ check: 'ledger', ok: false, says: 'disagree' }], [missed('p99Ms', 400)]), 'disturbed'],
  ])('%s', (_, state, outcome) => expect(judgeProbe(state)?.outcome).toBe(outcome))

  test('a late injector on a machine that others keep busy is no border', () => {
    expect(judgeProbe(ranBeside(0.9, { outcome: 'invalid', exitCode: 6, validity: [LATE] }))).toMatchObject({
      outcome: 'disturbed', reasons: ['send lag in hold: p99 31 ms, allowed 5 ms', "1.3 of 2 cores were busy with what is not the lab's"],
    })
  })

  test('is named before what was missed', () => {
    expect(judgeProbe(invalid([LATE], [missed('p99Ms', 120)]))?.reasons).toEqual(['send lag in hold: p99 31 ms, allowed 5 ms', 'p99Ms missed'])
  })
})

describe('data', () => {
  const undrained = { type: 'settled', tookMs: 180_000, backlog: 70_000, drained: false }
  const accounted = (wrong: object) => ({ type: 'accounted', accounting: { ...EXACT, ...wrong } })
  test('that is wrong is wrong', () => {
    expect(judgeProbe(ran({ outcome: 'failed', exitCode: 7, reasons: ['3 lost'] }, accounted({ lost: 3 })))).toMatchObject({ outcome: 'data', reasons: ['3 lost'] })
  })
  test('that is still on its way is not lost: the rate fails', () => {
    const judged = judgeProbe(ran({ outcome: 'failed', exitCode: 7, reasons: ['70,000 lost'] }, undrained, accounted({ lost: 70_000 })))
    expect(judged).toMatchObject({ outcome: 'failed', reasons: ['the backlog was not gone 180 s after the load, so its events cannot be accounted for'] })
  })
  test('that is doubled is wrong, drained or not', () => {
    expect(judgeProbe(ran({ outcome: 'failed', exitCode: 7, reasons: ['1 duplicated'] }, undrained, accounted({ lost: 9, duplicated: 1 })))?.outcome).toBe('data')
  })
})

describe('a run without a verdict', () => {
  const failed = (exitCode: number, ...events: object[]) =>
    [{ ...STARTED, scenario }, ...events, { type: 'run-ended', status: 'failed', exitCode, why: 'worker died by itself (SIGKILL)\nits log' }].map((event, i) => ({ atMs: i, ...event }) as RunEvent).reduce(reduce, initialState)
  const planned = { type: 'load-planned', startAtMs: 1 }
  test('whose service died under the load has failed', () => {
    expect(judgeProbe(failed(4, planned))).toMatchObject({ outcome: 'failed', reasons: ['worker died by itself (SIGKILL)'], bottleneck: { what: 'death' } })
  })
  test('whose service never came up says nothing', () => expect(judgeProbe(failed(4))).toBeUndefined())
  test('that the lab itself broke says nothing', () => expect(judgeProbe(failed(1, planned))).toBeUndefined())
})
