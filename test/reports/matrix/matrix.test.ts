import { describe, expect, test } from 'vitest'
import type { Cell } from '../../../src/reports/matrix/cell.ts'
import { cellOf } from '../../../src/reports/matrix/cell.ts'
import { costOf } from '../../../src/reports/matrix/cost.ts'
import { PRICES, pricesSchema } from '../../../src/reports/matrix/prices.ts'
import { judgeTiers } from '../../../src/reports/matrix/targets.ts'
import { costsOf, matrixText } from '../../../src/reports/matrix/text.ts'
import { judge } from '../../../src/reports/verdict.ts'
import { reduce } from '../../../src/run/state.ts'
import { runRecord, STARTED } from '../records.ts'

const cell = (patch: Partial<Cell> = {}): Cell => ({
  runId: 'r1', architecture: 'v2', scenario: 'baseline', outcome: 'passed', believed: 'all', guarantee: 'effectively-once', saturationPerSecond: 12_000, busyAtSaturation: 0.5, oursAtSaturation: 0.45,
  peakAcceptedPerSecond: 12_500, latencyMs: { p50: 1, p95: 2, p99: 3, max: 4, count: 9 }, readLatencyMs: { p50: 5, p95: 40, p99: 50, max: 60, count: 9 },
  freshnessMs: { p50: 100, p95: 200, p99: 900, max: 1_000, count: 9 }, accepted: 100, lost: 0, lostExcused: 0, drainSeconds: 1,
  faults: [], cpuSecondsPerMillion: 60, bytesPerEvent: 200, memoryBytes: 2 ** 30, services: ['api', 'postgres'], ...patch,
})

describe('cost', () => {
  const measured = { cpuSecondsPerMillion: 60, memoryBytes: 2 ** 31, bytesPerEvent: 2 ** 30 / 1e6, seenPerSecond: 10_000 }
  const prices = { ...PRICES, cpuHour: 1, gibMemoryHour: 0.1, gibStorageMonth: 0.5, assumed: { utilisation: 0.5, peakFactor: 2, retentionDays: 10 } }

  test('by hand: 864 M a day are 10,000/s, 20,000/s in the busiest hour', () => {
    // 60 µs × 20,000/s ÷ 0.5 = 2.4 cores; 2 GiB twice, as 20,000/s are two times what was seen; 864 GiB a day for ten days.
    const cost = costOf(864e6, measured, prices)
    expect(cost.beyondMeasured).toBeCloseTo(2, 9)
    expect(cost.perMonth).toBeCloseTo(730 * (2.4 + 4 * 0.1) + 8_640 * 0.5, 6)
    expect(cost.perMillion).toBeCloseTo(cost.perMonth / (864 * (730 / 24)), 9)
  })

  test('a little load still rents a quarter of a core and all of the memory', () => {
    const cost = costOf(1_000, { ...measured, bytesPerEvent: undefined }, prices)
    expect(cost.perMonth).toBeCloseTo(730 * (0.25 + 2 * 0.1), 6)
    expect(cost.beyondMeasured).toBeLessThan(1)
  })

  test('twice the CPU an event never costs less', () => {
    for (const perDay of [1e6, 100e6, 1e9]) expect(costOf(perDay, { ...measured, cpuSecondsPerMillion: 120 }, prices).perMonth).toBeGreaterThanOrEqual(costOf(perDay, measured, prices).perMonth)
  })

  test('the default prices are what a file must be like', () => {
    expect(pricesSchema.parse(JSON.parse(JSON.stringify(PRICES)))).toEqual(PRICES)
    expect(pricesSchema.safeParse({ ...PRICES, cpuHour: -1, assumed: { ...PRICES.assumed, utilisation: 2 } }).error?.issues.map(({ path }) => path.join('.'))).toEqual(['cpuHour', 'assumed.utilisation'])
  })

  test('invalid runs cost nothing: they are not reckoned with', () => {
    expect(costsOf([cell({ believed: 'nothing' })], PRICES)).toBeUndefined()
    expect(costsOf([cell(), cell({ believed: 'nothing', cpuSecondsPerMillion: 1, saturationPerSecond: 1e9 })], PRICES)).toEqual(costsOf([cell()], PRICES))
  })
})

describe('tiers', () => {
  const judged = (...cells: Cell[]) => judgeTiers(cells).map(({ ingest, query, lag }) => [ingest, query, lag])

  test.each([
    ['12,000/s on a machine with room', [cell()], [['met', 'met', 'met'], ['met', 'met', 'met'], ['not met', 'not met', 'not measured']]],
    ['the machine was full', [cell({ busyAtSaturation: 0.97, oursAtSaturation: 0.8 })], [['met', 'met', 'met'], ['met', 'met', 'met'], ['beyond this machine', 'not met', 'not measured']]],
    ['the machine was full of something else', [cell({ busyAtSaturation: 0.97, oursAtSaturation: 0.3 })], [['met', 'met', 'met'], ['met', 'met', 'met'], ['not met', 'not met', 'not measured']]],
    ['slow reads in one scenario', [cell(), cell({ scenario: 'analytics', readLatencyMs: { p50: 1, p95: 70, p99: 80, max: 90, count: 5 } })], [['met', 'met', 'met'], ['met', 'not met', 'met'], ['not met', 'not met', 'not measured']]],
    ['nothing was read', [cell({ readLatencyMs: undefined })], [['met', 'not measured', 'met'], ['met', 'not measured', 'met'], ['not met', 'not measured', 'not measured']]],
    ['a late injector: rates count, latencies do not', [cell({ believed: 'all but latencies' })], [['met', 'not measured', 'not measured'], ['met', 'not measured', 'not measured'], ['not met', 'not measured', 'not measured']]],
    ['nothing that can be believed', [cell({ believed: 'nothing' })], [['not measured', 'not measured', 'not measured'], ['not measured', 'not measured', 'not measured'], ['not measured', 'not measured', 'not measured']]],
  ] as const)('%s', (_name, cells, expected) => {
    expect(judged(...cells)).toEqual(expected)
  })
})

describe('matrix.md', () => {
  const text = matrixText({
    cells: [cell(), cell({ architecture: 'v0', runId: 'r2', outcome: 'failed', reason: 'a | b', lost: 3, lostExcused: 3, faults: [{ fault: 'kill consumer', recoveredAfterSeconds: 2, met: true }], cpuSecondsPerMillion: undefined, bytesPerEvent: undefined, freshnessMs: undefined })],
    missing: [{ architecture: 'v1', scenario: 'spike', why: 'the run failed: no space' }],
    machine: STARTED.machine,
    prices: PRICES,
  })

  test('a run behind every row, and what is missing', () => {
    for (const words of ['`r1`', '`r2`', '**failed**: a \\| b', '3 of 100 (allowed)', 'kill consumer | 2 s | yes', 'spike on v1: the run failed: no space']) expect(text).toContain(words)
    expect(text).not.toMatch(/undefined|NaN|Infinity/)
  })

  test('what is extrapolated says so, with its assumptions', () => {
    expect(text).toMatch(/\| v2 \| [\d.,]+ \([\d.]+ per million\) \| .* \| .*, extrapolated 2\.\d\d? × \|/)
    expect(text).toContain('the busiest hour has 3 times the mean rate, 60 % of the cores are used in it, events are kept for 30 days')
  })

  test('every table has as many cells in each row as it has columns', () => {
    const rows = text.split('\n').filter((line) => line.startsWith('|'))
    const blocks = text.split('\n\n').filter((block) => block.startsWith('|')).map((block) => block.split('\n').map((line) => line.replaceAll('\\|', '').split('|').length))
    expect(rows.length).toBeGreaterThan(10)
    for (const block of blocks) expect(new Set(block).size).toBe(1)
  })
})

test('the figures of a run', () => {
  const record = runRecord()
  const judged = { ...record, state: reduce(record.state, { atMs: 5_000, type: 'judged', verdict: judge(record) }) }
  expect(cellOf(judged)).toMatchObject({ runId: 'r1', architecture: 'v2', outcome: 'passed', believed: 'all', accepted: 1_000, lost: 0, peakAcceptedPerSecond: 100, services: ['postgres'], memoryBytes: 1e8, drainSeconds: 0.8 })
})
