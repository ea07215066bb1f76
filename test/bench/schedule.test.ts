import fc from 'fast-check'
import { expect, test } from 'vitest'
import { benchmarkEntries, poolOf } from '../../src/bench/outputs.ts'
import { schedule } from '../../src/bench/schedule.ts'
import { bySide, type PairOfRuns } from '../../src/bench/sitting.ts'
import { compare, type ComparedRun } from '../../src/reports/compare/compare.ts'
import type { LoadedRun } from '../../src/reports/compare/load.ts'

test('as many pairs of each kind as were asked for, whatever the seed; the same seed, the same order', () => {
  fc.assert(
    fc.property(fc.nat(40), fc.nat(10), fc.integer(), (pairs, same, seed) => {
      const made = schedule(pairs, same, seed)
      expect(made.filter(({ kind }) => kind === 'change')).toHaveLength(pairs)
      expect(made.filter(({ kind }) => kind === 'same')).toHaveLength(same)
      for (const { kind, order } of made) expect([...order].sort()).toEqual(kind === 'same' ? ['base', 'base'] : ['base', 'head'])
      expect(schedule(pairs, same, seed)).toEqual(made)
    }),
  )
})

test('either build comes first about as often, and pairs of the base with itself are found anywhere', () => {
  const sittings = Array.from({ length: 400 }, (_, seed) => schedule(10, 3, seed))
  const first = sittings.flat().filter(({ kind, order }) => kind === 'change' && order[0] === 'base').length
  expect(first / 4_000).toBeGreaterThan(0.46)
  expect(first / 4_000).toBeLessThan(0.54)
  const places = new Set(sittings.flatMap((pairs) => pairs.flatMap(({ kind }, at) => (kind === 'same' ? [at] : []))))
  expect(places.size).toBe(13)
})

const CPU = { id: 'cpu', name: 'CPU of the whole system', unit: 'ms/1,000 events', better: 'lower', floor: 0.05 } as const
const SATURATION = { id: 'saturation', name: 'saturation: accepted orders', unit: 'events/s', better: 'higher', floor: 0.05 } as const
const made = (runId: string, cpu: number) => ({ runId, metrics: [{ ...CPU, value: cpu }, { ...SATURATION, value: 1_000 + cpu }] }) as ComparedRun as LoadedRun

const PAIRS: PairOfRuns[] = [
  { kind: 'change', order: ['head', 'base'], runs: [made('h1', 44), made('b1', 40)] },
  { kind: 'same', order: ['base', 'base'], runs: [made('s1', 40), made('s2', 41)] },
  { kind: 'change', order: ['base', 'head'], runs: [made('b2', 42), made('h2', 46)] },
]

test('runs go to their side whatever their order, pair beside pair', () => {
  const { base, head, same } = bySide(PAIRS)
  expect([base, head].map((runs) => runs.map(({ runId }) => runId))).toEqual([['b1', 'b2'], ['h1', 'h2']])
  expect(same.map((pair) => pair.map(({ runId }) => runId))).toEqual([['s1', 's2']])
})

test('what github-action-benchmark reads: name, unit, value; smaller and bigger apart', () => {
  const { base, head, same } = bySide(PAIRS)
  const { smallerIsBetter, biggerIsBetter } = benchmarkEntries(compare({ base, head, same, paired: true, differences: [] }), 'baseline on v2')
  expect(smallerIsBetter).toEqual([{ name: 'baseline on v2: CPU of the whole system', unit: 'ms/1,000 events', value: 45, range: '± 1', extra: 'inconclusive; ÷ base 1.098' }])
  expect(biggerIsBetter.map(({ name, value }) => [name, value])).toEqual([['baseline on v2: saturation: accepted orders', 1_045]])
})

test('the pool holds every run in the order they were run, and is plain JSON', () => {
  const pool = JSON.parse(JSON.stringify(poolOf(PAIRS))) as { kind: string; runs: ComparedRun[] }[]
  expect(pool.map(({ kind, runs }) => [kind, ...runs.map(({ runId }) => runId)])).toEqual([['change', 'h1', 'b1'], ['same', 's1', 's2'], ['change', 'b2', 'h2']])
})
