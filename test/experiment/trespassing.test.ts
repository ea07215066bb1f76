import { expect, test } from 'vitest'
import { trespassing } from '../../src/experiment/trespassing.ts'
import type { RunEvent } from '../../src/run/events.ts'
import { initialState, reduce } from '../../src/run/state.ts'
import { judge } from '../../src/reports/verdict.ts'
import { verdictLine, figuresLine } from '../../src/reports/markdown.ts'
import { summarise } from '../../src/reports/summarise.ts'
import { tenantsSection } from '../../src/reports/tenants-table.ts'
import type { Trespass } from '../../src/system/architecture.ts'
import { planRun } from '../../src/experiment/plan.ts'
import { tenants } from '../../src/scenarios/tenants.ts'
import { local } from '../../src/runtime/local/local.ts'
import { runRecord, STARTED } from '../reports/records.ts'

const HELD: Trespass = { tried: 'the project of another', leaked: undefined }
const LEAK: Trespass = { tried: 'the dashboard', leaked: 'it has 3 of latte in it' }

/** Rounds as they are given, then the end. */
async function toldBy(rounds: (Trespass[] | Error)[]): Promise<RunEvent[]> {
  const told: RunEvent[] = []
  const over = Promise.withResolvers<void>()
  let at = 0
  const working = trespassing(
    {
      async round() {
        const round = rounds[at++]
        if (round === undefined) over.resolve()
        if (round instanceof Error) throw round
        return round ?? []
      },
    },
    (event) => void told.push({ atMs: 0, ...event } as RunEvent),
    0,
  )
  await over.promise
  await working[Symbol.asyncDispose]()
  return told.slice(0, rounds.length)
}

test('each round is told: how many attempts were answered, and which leaked', async () => {
  expect(await toldBy([[HELD, HELD], [HELD, LEAK]])).toMatchObject([
    { type: 'trespassed', attempts: 2, leaks: [] },
    { type: 'trespassed', attempts: 2, leaks: [LEAK] },
  ])
})

test('a round that fails is said once, and the next goes on', async () => {
  const told = await toldBy([new Error('away'), new Error('away'), [HELD]])
  expect(told.filter(({ type }) => type === 'note')).toHaveLength(1)
  expect(told).toContainEqual(expect.objectContaining({ type: 'trespassed', attempts: 1 }))
})

const rounds = (leaks: number) => [
  { ...STARTED, scenario: { ...STARTED.scenario, trespass: true } },
  { type: 'trespassed', attempts: 30, leaks: [] },
  { type: 'trespassed', attempts: 30, leaks: Array.from({ length: leaks }, () => LEAK) },
]
const recordOf = (leaks: number) => runRecord({ run: { ...STARTED, scenario: { ...STARTED.scenario, trespass: true } }, events: rounds(leaks) })

test('no leak: counted, and said in the report', () => {
  const record = recordOf(0)
  expect(record.state.trespass).toEqual({ attempts: 60, leaks: 0, examples: [] })
  const verdict = judge(record)
  expect(verdict.reasons).toEqual([])
  expect(verdict.validity).toContainEqual({ check: 'trespass', ok: true, says: '60 attempts to cross a border were answered' })
  expect(figuresLine(summarise(record))).toContain('borders: 60 attempts, 0 leaks')
})

test('one leak fails the run with 7, and is named', () => {
  const record = recordOf(2)
  const verdict = judge(record)
  expect(verdict).toMatchObject({ outcome: 'failed', exitCode: 7 })
  expect(verdict.reasons[0]).toBe('2 of 60 attempts to cross a border leaked: the dashboard: it has 3 of latte in it')
  const summary = { ...summarise(record), verdict }
  expect(verdictLine(summary)).toContain('attempts to cross a border leaked')
  expect(tenantsSection(summary)).toContain('the dashboard: **it has 3 of latte in it**')
})

test('a border that nobody tried proves nothing: the run is invalid', () => {
  const record = runRecord({ run: { ...STARTED, scenario: { ...STARTED.scenario, trespass: true } } })
  expect(judge(record)).toMatchObject({ outcome: 'invalid', exitCode: 6 })
})

test('the first leaks are kept, and all are counted', () => {
  let state = initialState
  for (let i = 0; i < 50; i++) state = reduce(state, { atMs: i, type: 'trespassed', attempts: 1, leaks: [{ tried: `t${i}`, leaked: 'l' }] })
  expect(state.trespass).toMatchObject({ attempts: 50, leaks: 50 })
  expect(state.trespass!.examples).toHaveLength(20)
  expect(state.trespass!.examples[0]).toEqual({ atMs: 0, tried: 't0', leaked: 'l' })
  expect(state.log.at(-1)).toEqual({ atMs: 49, service: 'LEAK', line: 't49: l' })
})

test('where there are no borders the scenario is refused, and says where there are', async () => {
  const planned = planRun({ scenario: 'tenants', arch: 'v2', set: [], compose: [], results: '/tmp' }, local, 'lab run')
  await expect(planned).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('tenants tries the borders between callers, and v2 has none; these have: v4') })
})

test('calm and noisy phases last alike, at the same rate, before anything breaks', () => {
  const measured = tenants.phases.filter(({ warmup, name }) => !warmup && name !== 'broken')
  const seconds = (noisy: boolean) => measured.filter(({ noisyShare }) => (noisyShare !== undefined) === noisy).reduce((sum, phase) => sum + phase.seconds, 0)
  expect(seconds(true)).toBe(seconds(false))
  expect(new Set(tenants.phases.map(({ shape }) => JSON.stringify(shape))).size).toBe(1)
  const brokenFrom = tenants.phases.slice(0, -1).reduce((sum, phase) => sum + phase.seconds, 0)
  expect(Math.min(...tenants.faults.map(({ atSeconds }) => atSeconds))).toBeGreaterThanOrEqual(brokenFrom)
})
