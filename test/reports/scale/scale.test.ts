import { describe, expect, test } from 'vitest'
import { judgeClaim } from '../../../src/reports/scale/claim-table.ts'
import { CLAIMS } from '../../../src/reports/scale/claims.ts'
import { improvementSection } from '../../../src/reports/scale/improvements.ts'
import { moveSection } from '../../../src/reports/scale/moves.ts'
import { resultsOf } from '../../../src/reports/scale/result.ts'
import { aggregationSection, insertSection, redisSection, socketSection } from '../../../src/reports/scale/system-limits.ts'
import { MARKER, scaleText } from '../../../src/reports/scale/text.ts'
import { stepsOf } from '../../../src/scenarios/scale/steps.ts'
import { made, results, type MadeResult } from './made.ts'

const planned = new Set(stepsOf('quick').map(({ id }) => id))
const rowOf = (text: string, starts: string) => text.split('\n').find((line) => line.startsWith(`| ${starts}`)) ?? `no row ${starts}`
const late = [{ check: 'send lag in constant', ok: false as const, says: 'late' }]
const grave = [{ check: 'accounting', ok: false as const, says: 'broken' }]
const runs = (step: string, ...saturations: number[]): MadeResult[] => saturations.map((saturation, i) => ({ step, runId: `${step}-${i + 1}`, saturation }))

describe('inserts', () => {
  const text = insertSection(results({ step: 'v1-base', saturation: 4_000, p99Ms: 12 }, { step: 'v1-batch-20', saturation: 11_000 }, { step: 'v1-exhausted', saturation: 900, errors: 77, p99Ms: 30 }), 'quick')

  test('figures and the run behind each', () => {
    expect(rowOf(text, 'defaults')).toBe('| defaults | 4,000 | 12.0 ms | – | – | – | `run-v1-base` |')
    expect(text).toContain('With default knobs v1 stores 4,000 orders/s at the most; the most of all that was tried is 11,000/s, with batch=20.')
  })

  test('what was not measured says so, and has no number', () => {
    expect(rowOf(text, 'pool=40')).toBe('| pool=40 | – | – | – | – | – | not measured: v1-pool-40: not run |')
  })

  test('pool exhaustion in numbers', () => {
    expect(text).toContain('900 orders/s are stored, 77 in all are not (503, or no answer), 30.0 ms p99 (`run-v1-exhausted`)')
  })
})

describe('what cannot be believed', () => {
  test('counts for nothing, and its run is named with the reason', () => {
    const text = insertSection(results({ step: 'v1-base', saturation: 4_000, validity: grave, patch: { verdict: { outcome: 'invalid', exitCode: 6, reasons: ['broken'] } } }), 'quick')
    expect(rowOf(text, 'defaults')).toBe('| defaults | – | – | – | – | – | `run-v1-base` (invalid: broken) |')
    expect(text).toContain('The defaults were not measured: no answer.')
  })

  test('of a late injector the rates count, and the latencies do not', () => {
    expect(rowOf(insertSection(results({ step: 'v1-base', saturation: 4_000, p99Ms: 12, validity: late }), 'quick'), 'defaults')).toContain('| defaults | 4,000 | – |')
  })
})

test('aggregation breaks where a run outlasts the second between two', () => {
  const aggregated = (step: string, seconds: number): MadeResult => ({ step, inside: { lab_aggregation_seconds: seconds } })
  const text = aggregationSection(results(aggregated('aggregate-full-scan-100k', 0.4), aggregated('aggregate-full-scan-500k', 2.1), aggregated('aggregate-incremental-500k', 0.01)), 'quick')
  expect(text).toContain('full-scan: at 500k; group-by: not measured; incremental: not up to 500k; materialized-view: not measured')
  expect(rowOf(text, 'full-scan | 500,000')).toContain('| 2.10 s | **yes** |')
})

test('memory of a connection is the slope over the rows', () => {
  const socket = (count: number, kib: number): MadeResult => ({ step: `sockets-${count}`, resources: { api: { meanCpu: 0.5, maxCpu: 1, maxRssBytes: 1e8 + kib * 1_024 * count, replicas: 1 } } })
  expect(socketSection(results(socket(500, 10), socket(1_000, 10), socket(4_000, 10)), 'quick')).toContain('takes 10.0 KiB for a connection')
  expect(socketSection(results(socket(500, 10)), 'quick')).toContain('was not measured: it takes two counts')
})

test('Redis by senders; fan-out in the full size alone', () => {
  const redis = results({ step: 'stream-200', saturation: 12_345, resources: { redis: { meanCpu: 0.2, maxCpu: 0.31, maxRssBytes: 2 ** 26, replicas: 1 } } })
  expect(rowOf(redisSection(redis, 'quick'), '200 |')).toBe('| 200 | 12,345 | – | 0.31 | 64 MiB | – | `run-stream-200` |')
  expect(redisSection(redis, 'quick')).toContain('in the full size alone')
  expect(redisSection(redis, 'full')).toContain('not measured: fan-out-8: not run')
})

describe('improvements', () => {
  const base = runs('v1-base', 1_000, 1_010, 990, 1_005, 995)

  test('the largest gain first, with its interval', () => {
    const text = improvementSection(results(...base, ...runs('v1-batch-20', 3_000, 3_030, 2_970, 3_015, 2_985), ...runs('v1-indexes-3', 800, 808, 792, 804, 796), ...runs('v1-sync-off', 1_003, 998, 1_001, 1_006, 994)), 'full')
    expect(rowOf(text, 'batch=20')).toMatch(/^\| batch=20 \| 3\.00 \| 2\.9\d – 3\.0\d \| – \| \*\*buys\*\* \|/)
    expect(rowOf(text, 'indexes=3')).toMatch(/^\| indexes=3 \| 0\.80 \| 0\.7\d – 0\.8\d \| – \| \*\*costs\*\* \|/)
    expect(rowOf(text, 'syncCommit=off')).toContain('changes nothing')
    expect(text.indexOf('| batch=20')).toBeLessThan(text.indexOf('| syncCommit=off'))
    expect(text.indexOf('| syncCommit=off')).toBeLessThan(text.indexOf('| indexes=3'))
    expect(rowOf(text, 'pool=40')).toContain('| – | – | – | not measured | not measured: v1-pool-40: not run |')
  })

  test('one run a side is no verdict', () => {
    expect(rowOf(improvementSection(results({ step: 'v1-base', saturation: 1_000 }, { step: 'v1-batch-20', saturation: 3_000 }), 'quick'), 'batch=20')).toContain('| 3.00 | none: 1 of 5 runs a side | – | not judged |')
  })
})

describe('claims', () => {
  const judged = (id: string, ...those: MadeResult[]) => judgeClaim(CLAIMS.find((claim) => claim.id === id)!, resultsOf(those.map(made), new Map(), planned), 'quick')

  test.each<[string, string, MadeResult[], string]>([
    ['within', 'postgres-synchronous', [{ step: 'v1-base', saturation: 1_900 }], 'holds'],
    ['more', 'postgres-synchronous', [{ step: 'v1-base', saturation: 4_000 }], 'holds not'],
    ['less', 'orders-after', [{ step: 'fixed', saturation: 4_000 }], 'holds not'],
    ['less where something else comes first', 'redis', [{ step: 'stream-200', saturation: 12_000 }], 'cannot be tried here'],
    ['enough although something else comes first', 'redis', [{ step: 'stream-200', saturation: 52_000 }], 'holds'],
    ['never run', 'redis', [], 'not measured'],
    ['not to be believed', 'redis', [{ step: 'stream-200', saturation: 52_000, validity: grave }], 'not measured'],
    ['in the full size alone', 'clickhouse-speed', [], 'not measured'],
    ['half of a ratio', 'batch-gain', [{ step: 'v1-batch-20', saturation: 10_000 }], 'not measured'],
    ['a ratio', 'batch-gain', [{ step: 'v1-batch-20', saturation: 10_000 }, { step: 'v1-base', saturation: 2_000 }], 'holds'],
    ['a smaller one', 'batch-gain', [{ step: 'v1-batch-20', saturation: 8_000 }, { step: 'v1-base', saturation: 2_000 }], 'holds not'],
    ['the largest held, above the claim', 'sockets', [500, 1_000, 4_000].map((count) => ({ step: `sockets-${count}`, freshnessMs: 900 })), 'holds not'],
    ['the limit is between two that were tried', 'sockets', [{ step: 'sockets-1000', freshnessMs: 900 }, { step: 'sockets-4000', freshnessMs: 9_000 }], 'cannot be tried here'],
    ['not even the smallest that was tried', 'users-before', [{ step: 'users-200', saturation: 500, errors: 3, p99Ms: 100 }], 'cannot be tried here'],
    ['the limit is within', 'sockets', [{ step: 'sockets-500', freshnessMs: 900 }, { step: 'sockets-1000', freshnessMs: 9_000 }], 'holds'],
    ['the upper end is open', 'users-before', [{ step: 'users-200', saturation: 500, p99Ms: 100 }], 'cannot be tried here'],
    ['errors are not holding', 'users-after', [{ step: 'users-fixed-1000', saturation: 500, errors: 1, p99Ms: 100 }], 'holds not'],
    ['stored under overload', 'v0-consumer', [{ step: 'v0-consumer', drain: 1_100 }], 'holds'],
    ['nothing left to drain', 'v0-consumer', [{ step: 'v0-consumer', persisted: 1_500 }], 'cannot be tried here'],
    ['nothing left to drain, far above', 'v0-consumer', [{ step: 'v0-consumer', persisted: 7_900 }], 'holds not'],
    ['fresh enough', 'listen', [{ step: 'listen', freshnessMs: 400 }], 'holds'],
    ['too late', 'listen', [{ step: 'listen', freshnessMs: 8_000 }], 'holds not'],
    ['queries', 'cache', [{ step: 'reads-cache-off', insideOfPhase: { lab_db_read_queries_total: { 'reads-400': 400 } } }, { step: 'reads-cache-5s', insideOfPhase: { lab_db_read_queries_total: { 'reads-400': 12 } } }], 'holds'],
    ['reads up to 200', 'analytics', [{ step: 'reads-cache-off', readP99Ms: { 'reads-50': 100, 'reads-100': 300, 'reads-200': 3_000 } }], 'holds'],
    ['aggregator', 'aggregator-breaks', [{ step: 'aggregate-full-scan-500k', inside: { lab_aggregation_seconds: 3 } }], 'holds'],
  ])('%s: %s', (_name, id, those, verdict) => {
    expect(judged(id, ...those).verdict).toBe(verdict)
  })

  test('what is missing is named, and what is in the full size alone', () => {
    expect(judged('redis').why).toBe('stream-200: not run')
    expect(judged('clickhouse-size').why).toBe('ten-million-v1: in the full size alone; ten-million-v5: in the full size alone')
  })
})

describe('moves', () => {
  test('thresholds from the closed loop, and from the search where there is one', () => {
    const search = { step: 'capacity-v1', runId: 'the-search', search: { answer: { pass: { rate: 3_000 }, fail: { rate: 3_200 } } } } as never
    const text = moveSection(resultsOf([made({ step: 'v1-base', saturation: 4_000 }), made({ step: 'fixed', saturation: 9_000, freshnessMs: 800 }), search]), 'full')
    expect(rowOf(text, 'v1 → v1, quick fixes')).toContain('more than 3,000/s (search; not 3,200/s) | not measured | up to 9,000/s (closed loop) |')
    expect(rowOf(text, 'v1 → v1, quick fixes')).toContain('`the-search`')
    expect(rowOf(moveSection(results({ step: 'v1-base', saturation: 4_000 }, { step: 'fixed', saturation: 9_000 }), 'full'), 'v1 → v1, quick fixes')).toContain('up to 9,000/s (closed loop), × 2.25 |')
    expect(rowOf(text, 'v1, quick fixes → v2')).toContain('more than 9,000/s (closed loop) | orders must be visible sooner than 400 ms (p50) (`run-fixed`) | not measured: ceiling-v2: not run')
  })
})

describe('SCALE.md', () => {
  const text = (size: 'quick' | 'full', found = stepsOf(size).map(({ id }) => made({ step: id, saturation: 5_000, p99Ms: 5, freshnessMs: 200, inside: { lab_aggregation_seconds: 0.5 } }))) => scaleText({ size, steps: stepsOf(size), found, failures: new Map([['v1-base', 'the run failed: no space']]) })

  test.each(['quick', 'full'] as const)('%s: seven sections, and no number out of nothing', (size) => {
    for (const whole of [text(size), text(size, [])]) {
      expect(whole.startsWith(MARKER)).toBe(true)
      expect(whole.match(/^## [1-7]\. /gm)).toHaveLength(7)
      expect(whole).not.toMatch(/undefined|NaN|Infinity|\[object/)
      const blocks = whole.trim().split('\n\n').filter((block) => block.startsWith('|')).map((block) => block.split('\n').map((line) => line.replaceAll('\\|', '').split('|').length))
      for (const block of blocks) expect(new Set(block).size).toBe(1)
    }
  })

  test('nothing measured: no row has a figure, and the reason of a failure is told', () => {
    const whole = text('quick', [])
    expect(whole).toContain('0 of 36 runs')
    expect(whole).toContain('Nothing was measured yet.')
    expect(whole).toContain('not measured: v1-base: the run failed: no space')
    expect(whole.split('\n').filter((line) => /not measured/.test(line) && /\d\/s \|/.test(line))).toEqual([])
  })

  test('two machines are said to be two', () => {
    const [a, b] = [made({ step: 'v1-base' }), made({ step: 'fixed' })]
    b.summary!.machine = { ...b.summary!.machine, cpuModel: 'Other' }
    expect(text('quick', [a, b])).toContain('Several machines')
    expect(text('quick', [a])).not.toContain('Several machines')
  })
})
