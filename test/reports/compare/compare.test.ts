import { describe, expect, test } from 'vitest'
import { compare, type ComparedRun } from '../../../src/reports/compare/compare.ts'
import { comparisonText } from '../../../src/reports/compare/text.ts'
import { seededRandom } from '../../../src/reports/statistics/random.ts'
import type { MetricValue } from '../../../src/reports/compare/metrics.ts'

const SATURATION = { id: 'saturation', name: 'saturation', unit: 'events/s', better: 'higher', floor: 0.05 } as const
const CPU = { id: 'cpu', name: 'CPU of the whole system', unit: 'ms', better: 'lower', floor: 0.05 } as const
const P99 = { id: 'p99', name: 'p99', unit: 'ms', better: 'lower', floor: 0.15 } as const

/** Scatter of `noise` about the values, the same every time; `drift` moves run by run. */
function runs(count: number, name: string, values: [Omit<MetricValue, 'value'>, number][], noise = 0.02, patch: Partial<ComparedRun> = {}, drift = 0): ComparedRun[] {
  const random = seededRandom(name.length * 1_000 + name.charCodeAt(0))
  return Array.from({ length: count }, (_, i) => ({
    runId: `${name}${i}`,
    metrics: values.map(([metric, value]) => ({ ...metric, value: value * (1 + drift * i) * (1 + noise * (2 * random() - 1)) })),
    ...patch,
  }))
}

const of = (base: ComparedRun[], head: ComparedRun[], paired = true) => compare({ base, head, paired, differences: [] })

describe('ten pairs', () => {
  test.each([
    ['a rate down by 12 %', [SATURATION, 1_000, 880], 'regressed', 5],
    ['a rate up by 12 %', [SATURATION, 1_000, 1_120], 'improved', 0],
    ['CPU up by 12 %', [CPU, 40, 44.8], 'regressed', 5],
    ['CPU down by 12 %', [CPU, 40, 35.2], 'improved', 0],
    ['nothing', [SATURATION, 1_000, 1_000], 'equivalent', 0],
    ['3 % worse, which is below the floor', [CPU, 40, 41], 'equivalent', 0],
    ['a p99 up by 10 %, which is below its floor', [P99, 20, 22], 'equivalent', 0],
    ['a p99 up by 25 %', [P99, 20, 25], 'regressed', 5],
  ] as const)('%s: %s', (_says, [metric, before, after], verdict, exitCode) => {
    const found = of(runs(10, 'base', [[metric, before]]), runs(10, 'head', [[metric, after]]))
    expect([found.verdict, found.exitCode]).toEqual([verdict, exitCode])
    expect(found.metrics[0]!.verdict).toBe(verdict)
  })

  test('what drifts over the sitting cancels in pairs, and blurs two heaps', () => {
    const [base, head] = [runs(10, 'base', [[CPU, 40]], 0.02, {}, 0.08), runs(10, 'head', [[CPU, 44.8]], 0.02, {}, 0.08)]
    expect(of(base, head).verdict).toBe('regressed')
    expect(of(base, head, false).verdict).toBe('inconclusive')
  })

  test('wild scatter is inconclusive, with exit code 6', () => {
    expect(of(runs(10, 'base', [[CPU, 40]], 0.5), runs(10, 'head', [[CPU, 42]], 0.5))).toMatchObject({ verdict: 'inconclusive', exitCode: 6 })
  })

  test('a regression outweighs what is inconclusive and what improved', () => {
    const found = of(
      runs(10, 'base', [[SATURATION, 1_000], [CPU, 40], [P99, 20]], 0.02),
      runs(10, 'head', [[SATURATION, 1_200], [CPU, 48], [P99, 21]], 0.02),
    )
    expect([found.verdict, found.reasons]).toEqual(['regressed', [expect.stringMatching(/^CPU of the whole system: worse by 2\d %, floor 5.0 %$/)]])
  })

  test('a machine on which the same build differs from itself by more than twice the floor tells nothing', () => {
    const same = (other: number) => runs(3, 'same', [[CPU, 40]], 0.01).map((run, i) => [run, runs(3, 'other', [[CPU, other]], 0.01)[i]!] as const)
    const judged = (other: number) => compare({ base: runs(10, 'base', [[CPU, 40]]), head: runs(10, 'head', [[CPU, 48]]), paired: true, differences: [], same: same(other) })
    expect([judged(46).verdict, judged(46).reasons[0]]).toEqual(['inconclusive', expect.stringContaining('the same build against itself differs by')])
    expect(judged(43).verdict).toBe('regressed')
  })
})

describe('too few runs', () => {
  test('one against one decides nothing, however far they lie apart', () => {
    const found = of(runs(1, 'base', [[CPU, 40]]), runs(1, 'head', [[CPU, 80]]), false)
    expect(found).toMatchObject({ verdict: 'inconclusive', exitCode: 6, reasons: [expect.stringContaining('too few runs')] })
    expect(comparisonText(found)).toContain('| 2.0')
  })

  test('five pairs cannot tell a difference from chance among three metrics, and say so', () => {
    const found = of(runs(5, 'base', [[SATURATION, 1_000], [CPU, 40], [P99, 20]]), runs(5, 'head', [[SATURATION, 800], [CPU, 50], [P99, 30]]))
    expect(found.verdict).toBe('inconclusive')
    expect(found.reasons).toEqual(['all metrics: it looks worse, but so few runs cannot tell it from chance among 3 metrics'])
  })

  test('six pairs can tell it of one', () => {
    expect(of(runs(6, 'base', [[CPU, 40]]), runs(6, 'head', [[CPU, 50]])).verdict).toBe('regressed')
  })
})

describe('runs that cannot be used', () => {
  test('an invalid run is left out, with its partner, and named', () => {
    const head = runs(10, 'head', [[CPU, 40]]).map((run, i) => (i === 3 ? { ...run, doubt: 'INVALID, send lag' } : run))
    const found = of(runs(10, 'base', [[CPU, 40]]), head)
    expect(found.base).toHaveLength(9)
    expect(found.base).not.toContain('base3')
    expect(found.remarks).toEqual(['head3 is left out: INVALID, send lag'])
  })

  test('nothing left is inconclusive', () => {
    expect(of(runs(2, 'base', [[CPU, 40]], 0.02, { doubt: 'INVALID' }), runs(2, 'head', [[CPU, 40]]))).toMatchObject({ verdict: 'inconclusive', exitCode: 6, metrics: [] })
  })

  test('lost data outweighs every figure', () => {
    const found = of(runs(10, 'base', [[CPU, 40]]), runs(10, 'head', [[CPU, 30]], 0.02, { wrong: '3 lost (of 100 accepted)' }))
    expect([found.exitCode, found.reasons[0]]).toEqual([7, 'head0: 3 lost (of 100 accepted)'])
    expect(comparisonText(found)).toContain('**DATA WRONG**')
  })
})

test('services that need next to nothing of the CPU are no question; the others are', () => {
  const of20 = (total: number, worker: number, redis: number): [Omit<MetricValue, 'value'>, number][] => [[CPU, total], [{ ...CPU, id: 'cpu.worker' }, worker], [{ ...CPU, id: 'cpu.redis' }, redis]]
  const found = of(runs(10, 'base', of20(100, 30, 2)), runs(10, 'head', of20(103, 33.5, 4)))
  expect(found.metrics.map(({ id }) => id)).toEqual(['cpu', 'cpu.worker'])
  expect(found.metrics.map(({ verdict }) => verdict)).toEqual(['equivalent', 'regressed'])
})

test('a metric that a run lacks is judged from the pairs that have it, and left open where these are too few', () => {
  const without = (count: number) => runs(10, 'head', [[CPU, 40], [P99, 25]]).map((run, i) => (i < count ? { ...run, metrics: run.metrics.slice(0, 1), late: 'send lag' } : run))
  const few = of(runs(10, 'base', [[CPU, 40], [P99, 20]]), without(2))
  expect(few.metrics.map(({ id, head }) => [id, head.length])).toEqual([['cpu', 10], ['p99', 8]])
  expect(few.metrics[1]!.verdict).toBe('regressed')
  expect(few.remarks[0]).toBe('latencies of head0 are left out: send lag')
  const many = of(runs(10, 'base', [[CPU, 40], [P99, 20]]), without(6))
  expect(many.metrics.map(({ id }) => id)).toEqual(['cpu'])
  expect(many.remarks.at(-1)).toBe('p99 is not judged: 4 of 10 runs against and 4 of 10 of this have it')
})

test('when more than one thing differs, nobody knows which it was', () => {
  const difference = (what: string) => ({ what, base: '1', head: '2', forbidden: false })
  const found = (...what: string[]) => compare({ base: runs(2, 'b', [[CPU, 1]]), head: runs(2, 'h', [[CPU, 1]]), paired: true, differences: what.map(difference) }).remarks
  expect(found('knob.batch')).toEqual([])
  expect(found('code', 'version.lab')).toEqual([])
  expect(found('knob.batch', 'knob.pool')).toEqual([expect.stringContaining('2 things differ at once (knob.batch, knob.pool)')])
})
