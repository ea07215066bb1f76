import { describe, expect, test } from 'vitest'
import { scenarioSchema } from '../../src/scenarios/scenario.ts'
import { QUESTIONS, secondsOf, setOf } from '../../src/scenarios/scale/step.ts'
import { stepsOf } from '../../src/scenarios/scale/steps.ts'
import { scenarios } from '../../src/scenarios/index.ts'
import { loadArchitecture, knobsOf } from '../../src/experiment/plan.ts'
import { CLAIMS } from '../../src/reports/scale/claims.ts'

const total = (size: 'full' | 'quick') => stepsOf(size).reduce((sum, step) => sum + secondsOf(step), 0)

describe.each(['quick', 'full'] as const)('%s', (size) => {
  const steps = stepsOf(size)

  test('every step is a scenario that the lab plays, under an id of its own', () => {
    const ids = steps.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { id, scenario, kind } of steps) {
      expect(scenarioSchema.safeParse(scenario).error).toBeUndefined()
      expect(scenario.id).toBe(id)
      expect(kind === 'search').toBe(scenario.search !== undefined)
      expect(Object.keys(scenarios)).not.toContain(id)
    }
  })

  test('every architecture is there, takes the knobs, and can be filled where it is asked to be', async () => {
    for (const step of steps) {
      const architecture = await loadArchitecture(step.architecture)
      const problems: string[] = []
      knobsOf(architecture, setOf(step), problems)
      expect(problems).toEqual([])
      if (step.history > 0) expect(architecture.seed).toBeDefined()
    }
  }, 60_000)

  test('every question but the fifth, which reads the first, has steps of its own', () => {
    expect(QUESTIONS.filter((question) => !steps.some((step) => step.questions.includes(question)))).toEqual([])
  })
})

test('the short form takes at most a quarter of an hour, by what its steps are supposed to take', () => {
  expect(total('quick')).toBeLessThanOrEqual(15 * 60)
  expect(total('full')).toBeGreaterThan(total('quick'))
})

test('every claim names steps of the full size', () => {
  const ids = new Set(stepsOf('full').map(({ id }) => id))
  expect(CLAIMS.flatMap((claim) => claim.steps('full').filter((step) => !ids.has(step)).map((step) => `${claim.id}: ${step}`))).toEqual([])
  expect(new Set(CLAIMS.map(({ id }) => id)).size).toBe(CLAIMS.length)
})

test('by hand: two repetitions on v1, 10 s of load, 12 s around it, 100,000 orders of history', () => {
  const [step] = stepsOf('full')
  expect(secondsOf({ ...step!, kind: 'run', architecture: 'v1', repetitions: 2, history: 100_000, scenario: { ...step!.scenario, phases: [{ name: 'a', seconds: 10, shape: { kind: 'constant', rate: 1 }, warmup: false }] } })).toBe(2 * (10 + 12 + 2))
})
