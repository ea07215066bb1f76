import { describe, expect, test } from 'vitest'
import { faultyStretches, judgeFaults } from '../../src/reports/faults.ts'
import { judge } from '../../src/reports/verdict.ts'
import { judgeValidity } from '../../src/reports/validity.ts'
import { summarise } from '../../src/reports/summarise.ts'
import { markdownReport } from '../../src/reports/markdown.ts'
import type { RunRecord, TimedSample } from '../../src/run/record.ts'
import { initialState, reduce } from '../../src/run/state.ts'
import type { RunEvent } from '../../src/run/events.ts'
import type { FaultExpectation } from '../../src/system/architecture.ts'
import { spike } from '../../src/scenarios/spike.ts'
import { EXACT, NO_COUNTS, phaseRecord, runRecord, sampleAt, STARTED } from './records.ts'

const WORKER: FaultExpectation = { fault: 'kill', service: 'worker', clients: 'nothing', recoversWithinS: 5, says: 'The backlog grows.' }
const REDIS: FaultExpectation = { fault: 'pause', service: 'redis', clients: 'rejected', recoversWithinS: 5, says: 'Orders are refused.' }

interface Told {
  /** Seconds: events that fail, and the backlog, by the second that ends then. */
  rejected?: number[]
  unknown?: number[]
  failedReads?: number[]
  backlog?: (second: number) => number | undefined
  offered?: (second: number) => number
  expected?: FaultExpectation
  faults?: [fault: string, service: string, injectedS: number, healedS?: number, tookS?: number][]
  seconds?: number
  added?: boolean
}

/** A load of 100 events a second over 30 s that begins at 0; the fault from 10 s to 13 s unless told otherwise. */
function recordOf({ rejected = [], unknown = [], failedReads = [], backlog = () => 0, offered = () => 100, expected = WORKER, faults, seconds = 30, added = false }: Told = {}): RunRecord {
  const total = { scheduled: 0, ok: 0, rejected: 0, unknown: 0, reads: 0 }
  const samples: TimedSample[] = Array.from({ length: seconds }, (_, i) => {
    const second = i + 1
    const bad = (rejected.includes(second) ? 7 : 0) + (unknown.includes(second) ? 3 : 0)
    total.scheduled += offered(second)
    total.ok += offered(second) - bad
    if (rejected.includes(second)) total.rejected += 7
    if (unknown.includes(second)) total.unknown += 3
    if (failedReads.includes(second)) total.reads += 2
    const { reads, ...events } = total
    return { ...sampleAt(second, { backlog: backlog(second), counts: { events: { ...NO_COUNTS, ...events }, reads: { ...NO_COUNTS, rejected: reads } }, rates: { offered: offered(second), sent: offered(second), accepted: offered(second), reads: 0 } }), atMs: second * 1_000 }
  })
  const planned = faults ?? [[expected.fault, expected.service, 10, 13, 0]]
  const told = planned.flatMap(([fault, service, injectedS, healedS, tookS = 0]) => [
    { type: 'fault-injected', atMs: injectedS * 1_000, fault, service, replica: 1 },
    ...(healedS === undefined ? [] : [{ type: 'fault-healed', atMs: healedS * 1_000, fault, service, replica: 1, tookMs: tookS * 1_000 }]),
  ])
  const run = {
    ...STARTED,
    faultExpectations: [expected],
    scenario: { ...spike, faults: planned.map(([fault, service, injectedS]) => ({ fault: fault as 'kill', service, replica: 1, atSeconds: injectedS, added })) },
  }
  const counts = { ...NO_COUNTS, ...total, sent: total.scheduled }
  const phases = [phaseRecord({ samples, beganAtMs: 0, seconds: 20 }), phaseRecord({ name: 'after', samples: [], beganAtMs: 20_000, seconds: 10 })]
  const base = runRecord({ samples, phases, run, injected: { ...runRecord().injected!, counts: { events: counts, reads: NO_COUNTS } } })
  const state = ([{ type: 'load-planned', atMs: 0, startAtMs: 0 }, ...told.sort((a, b) => a.atMs - b.atMs), { type: 'settled', atMs: 31_000, tookMs: 1, backlog: 0, drained: true }, { type: 'accounted', atMs: 31_001, accounting: { ...EXACT, ...total } }] as RunEvent[]).reduce(reduce, initialState)
  return { ...base, state }
}

const only = (told: Told) => judgeFaults(recordOf(told))[0]!

describe('what clients saw', () => {
  test('nothing', () => expect(only({})).toMatchObject({ met: true, clients: { rejected: 0, unknown: 0 }, recoveredAfterSeconds: 0, says: 'clients saw nothing; recovered after 0 s' }))
  test('refusals where they should have noticed nothing', () => expect(only({ rejected: [11, 12] })).toMatchObject({ met: false, clients: { rejected: 14 } }))
  test('failed reads count, too', () => expect(only({ failedReads: [12] })).toMatchObject({ met: false, clients: { failedReads: 2 }, says: expect.stringContaining('2 failed reads') as string }))
  test('what failed after they had recovered is not its doing', () => expect(only({ rejected: [25] })).toMatchObject({ met: true, clients: { rejected: 0 } }))
  test('not judged when orders had failed before', () => expect(only({ rejected: [8, 11] })).toMatchObject({ met: 'not judged', says: expect.stringContaining('had failed before') as string }))
  test.each([
    ['rejected', [11], [], true],
    ['rejected', [11], [12], false],
    ['rejected-or-unknown', [11], [12], true],
  ] as const)('%s allowed, %j rejected and %j unknown', (clients, rejected, unknown, met) => expect(only({ expected: { ...REDIS, clients }, rejected: [...rejected], unknown: [...unknown] }).met).toBe(met))
})

describe('recovery', () => {
  test('counts from the moment the fault was lifted, start-up included', () => {
    expect(only({ faults: [['kill', 'worker', 10, 13, 2]], rejected: [11, 12, 13], expected: { ...WORKER, clients: 'rejected' } })).toMatchObject({ backAfterSeconds: 2, lastedSeconds: 3, recoveredAfterSeconds: 3 })
  })
  test('is not one good second between bad ones', () => expect(only({ expected: REDIS, rejected: [11, 12, 13, 15, 16] }).recoveredAfterSeconds).toBe(4))
  test('is when the backlog is back', () => expect(only({ backlog: (second) => (second > 10 && second < 17 ? 2_000 : 0) })).toMatchObject({ recoveredAfterSeconds: 4, met: true }))
  test('that takes too long is missed', () => expect(only({ backlog: (second) => (second > 10 && second < 24 ? 2_000 : 0) })).toMatchObject({ recoveredAfterSeconds: 11, met: false }))
  test('that never comes is missed', () => expect(only({ backlog: (second) => (second > 10 ? 2_000 : 0) })).toMatchObject({ met: false, says: expect.stringContaining('not recovered within 17 s') as string }))
  test('is not judged by a backlog that was large before', () => expect(only({ backlog: (second) => (second > 10 ? 20_000 : 5_000) })).toMatchObject({ met: true, recoveredAfterSeconds: 0 }))
  test('is not judged when the samples end before it should be over', () => expect(only({ seconds: 15, backlog: (second) => (second > 10 ? 2_000 : 0) })).toMatchObject({ met: 'not judged', says: expect.stringContaining('the samples ended') as string }))
  test('is not judged when the load rose meanwhile', () => expect(only({ offered: (second) => (second > 10 ? 1_000 : 100), backlog: (second) => (second > 10 ? 9_000 : 0) })).toMatchObject({ met: 'not judged', says: expect.stringContaining('the load rose') as string }))
  test('is not judged when the next fault came first', () => {
    const [first] = judgeFaults(recordOf({ faults: [['kill', 'worker', 10, 13], ['pause', 'redis', 15, 17]], backlog: (second) => (second > 10 ? 2_000 : 0) }))
    expect(first).toMatchObject({ met: 'not judged', says: expect.stringContaining('the next fault') as string })
  })
  test('of a fault that was never healed is not judged', () => expect(only({ faults: [['kill', 'worker', 10]] })).toMatchObject({ met: 'not judged', says: expect.stringContaining('never healed') as string }))
  test('without a word of the architecture nothing is judged', () => expect(only({ faults: [['kill', 'api', 10, 11]] })).toMatchObject({ met: 'not judged', says: expect.stringContaining('says nothing') as string }))
})

test('a missed expectation of a fault fails the run with 4, in a sentence', () => {
  const verdict = judge(recordOf({ rejected: [11, 12] }))
  expect(verdict).toMatchObject({ outcome: 'failed', exitCode: 4 })
  expect(verdict.reasons).toContain('expected kill worker at 10 s: clients notice nothing, recovered within 5 s; clients saw 14 rejected; recovered after 0 s')
})

test('a fault that was planned and never injected is said', () => {
  const record = recordOf()
  const planned = { fault: 'kill' as const, service: 'api', replica: 1, atSeconds: 25, added: true }
  expect(judge({ ...record, run: { ...record.run, scenario: { ...spike, faults: [...record.run.scenario.faults, planned] } } }).remarks).toEqual(['kill api at 25.0 s was never injected'])
})

describe('what a fault touches', () => {
  test('lasts until clients have recovered', () => expect(faultyStretches(recordOf({ rejected: [11, 14, 15], expected: REDIS }))).toMatchObject([{ fromMs: 10_000, toMs: 16_000 }]))

  const slow = { samples: [], histograms: phaseRecord().histograms, latencyMs: { p50: 1, p95: 1, p99: 1, max: 1, count: 1 } }
  test('added faults: the scenario is judged by the phases they did not fall into', () => {
    const wrong = { scheduled: 100, ok: 0, rejected: 100, unknown: 0, neverSent: 0 }
    const touched = (added: boolean) => {
      const record = recordOf({ rejected: [11], expected: REDIS, added })
      const phases = [phaseRecord({ ...slow, seconds: 20, sums: { ...phaseRecord().sums!, events: wrong } }), phaseRecord({ ...slow, name: 'after', beganAtMs: 20_000 })]
      return judge({ ...record, phases }).expectations.find(({ says }) => says.startsWith('share of events refused'))!
    }
    expect(touched(true)).toMatchObject({ met: true, measured: 0, says: expect.stringContaining('without hold (an added fault)') as string })
    expect(touched(false)).toMatchObject({ met: false })
  })

  test("Little's law is not held against requests that a fault made wait", () => {
    const off = { ...phaseRecord().sums!, inFlightSum: 5_000 }
    const law = (record: RunRecord) => judgeValidity(record).find(({ check }) => check === "Little's law in hold")!
    const record = recordOf()
    expect(law({ ...record, phases: [phaseRecord({ sums: off, seconds: 20 })] }).ok).toBe('not judged')
    expect(law({ ...record, phases: [phaseRecord({ sums: off, beganAtMs: 20_000 })] }).ok).toBe(false)
  })

  test('what could not be sent while a server was away is not the injector falling short', () => {
    const record = recordOf({ faults: [['kill', 'worker', 10, 13]] })
    const refusing = (from: number, to: number): RunRecord => {
      const neverSent = (second: number) => 40 * Math.max(0, Math.min(second, to) - from)
      const samples = record.samples.map((sample) => ({ ...sample, counts: { ...sample.counts, events: { ...sample.counts.events, ok: sample.counts.events.ok - neverSent(sample.second), neverSent: neverSent(sample.second) } } }))
      const events = { ...samples.at(-1)!.counts.events }
      return { ...record, samples, injected: { ...record.injected!, counts: { events, reads: NO_COUNTS } } }
    }
    const achieved = (from: number, to: number) => judgeValidity(refusing(from, to)).find(({ check }) => check === 'achieved load')!
    expect(achieved(10, 13).ok).toBe(true)
    expect(achieved(3, 6).ok).toBe(false)
  })
})

test('loss that was allowed is said in the report, with when', () => {
  const record = recordOf()
  const guarantee = { level: 'at-most-once' as const, says: '', mayLose: { after: ['worker'], says: '' } }
  const accounting = { ...EXACT, lost: 4, lostExcused: 4, lossWindows: [{ service: 'worker', fromMs: 9_900, toMs: 13_000 }] }
  const accounted = { ...record, run: { ...record.run, guarantee }, state: reduce(record.state, { atMs: 39_000, type: 'accounted', accounting }) }
  const judged = { ...accounted, state: reduce(accounted.state, { atMs: 40_000, type: 'judged', verdict: judge(accounted) }) }
  const text = markdownReport(judged, summarise(judged))
  expect(text).toContain('4 lost (allowed)')
  expect(text).toContain('- lost 4 of 1,000 accepted, as at-most-once allows')
  expect(text).toContain('Accepted events that were due from 9.9 s to 13.0 s may be missing: worker was away.')
})

test('the report has a table of faults, and marks them in the charts', () => {
  const record = recordOf({ rejected: [11, 12] })
  const judged = { ...record, state: reduce(record.state, { atMs: 40_000, type: 'judged', verdict: judge(record) }) }
  const text = markdownReport(judged, summarise(judged))
  expect(text).toContain('| kill worker | 10.0 | 3.0 | ')
  expect(text).toMatch(/\| 14 \| 0 \| 0 \| 0 \| 0 \| \*\*no\*\* \|/)
  expect(text).toMatch(/▲━+● kill worker/)
  expect(text).toContain('- kill worker: The backlog grows. Seen: clients saw 14 rejected; recovered after 0 s.')
  expect(text).not.toMatch(/undefined|NaN|Infinity/)
})

describe('what else is told of a fault', () => {
  const withErrors = (record: RunRecord, errors: (second: number) => Record<string, number>): RunRecord => ({ ...record, samples: record.samples.map((sample) => ({ ...sample, errors: errors(sample.second) })) })

  test('codes: what came in its time, not what had come before or came later', () => {
    const record = withErrors(recordOf({ expected: REDIS, rejected: [11, 12] }), (second) => ({ 404: 5, 503: second < 11 ? 1 : second < 12 ? 8 : 15, timeout: second < 25 ? 0 : 3 }))
    expect(judgeFaults(record)[0]!.codes).toEqual({ 503: 14 })
  })

  test('availability: what went well, and what was answered for certain, of all that ended until recovered', () => {
    // Recovered with second 13, seen from second 10: 300 events, 14 of them rejected and 3 unknown.
    const { availability } = only({ expected: { ...REDIS, clients: 'rejected-or-unknown' }, rejected: [11, 12], unknown: [12] })
    expect(availability?.ok).toBeCloseTo(283 / 300)
    expect(availability?.answered).toBeCloseTo(297 / 300)
  })

  test('first success and drained count from the moment it was lifted', () => {
    expect(only({ backlog: (second) => (second > 10 && second <= 18 ? 5_000 : 0) })).toMatchObject({ firstSuccessAfterSeconds: 0, drainedAfterSeconds: 6 })
    expect(only({ backlog: (second) => (second > 10 ? 5_000 : 0) })).not.toHaveProperty('drainedAfterSeconds')
    expect(only({ faults: [['pause', 'redis', 10]], expected: REDIS })).not.toHaveProperty('firstSuccessAfterSeconds')
  })

  test('what is said of 200 ms is not held against a second', () => {
    const slow: FaultExpectation = { fault: 'latency', service: 'redis', value: '200ms', clients: 'nothing', recoversWithinS: 5, says: 'Slower.' }
    const of = (value: string) => {
      const record = recordOf({ expected: slow })
      return judgeFaults({ ...record, state: { ...record.state, faults: record.state.faults.map((fault) => ({ ...fault, value })) } })[0]!
    }
    expect(of('200ms').met).toBe(true)
    expect(of('1s')).toMatchObject({ met: 'not judged', says: 'the architecture says nothing of it' })
  })

  test('accounting by fault is in summary and report', () => {
    const record = recordOf({})
    const byFault = [{ lost: 12, duplicated: 0, phantom: 0, recovered: 34 }]
    const told = { ...record, state: { ...record.state, accounting: { ...record.state.accounting!, byFault } } }
    expect(summarise(told).faults[0]!.accounting).toEqual(byFault[0])
    expect(markdownReport(told, summarise(told))).toMatch(/\| kill worker +\| +100\.00 % \| +100\.00 % .*\| +12 \| .*\| +34 \|/)
  })

  test('a list that was not played to its end is not passed; a single fault that was not injected is a remark', () => {
    const record = recordOf({})
    const judged = (whenHealed: boolean) => {
      const late = { fault: 'kill' as const, service: 'redis', replica: 1, atSeconds: 29, added: false, whenHealed }
      return judge({ ...record, run: { ...record.run, scenario: { ...record.run.scenario, expectations: [], faults: [...record.run.scenario.faults, late] } } })
    }
    expect(judged(true).expectations.filter(({ met }) => met === false).map(({ says }) => says)).toEqual(['kill redis at 29 s: injected once the system had healed from what came before; it never was'])
    expect(judged(false).expectations.filter(({ met }) => met === false)).toEqual([])
    expect(judged(false).remarks).toContain('kill redis at 29.0 s was never injected')
  })
})
