import { describe, expect, test } from 'vitest'
import { checkSpace, shown } from '../../src/experiment/history.ts'
import { loadPhases } from '../../src/experiment/load.ts'
import { asCount, planRun } from '../../src/experiment/plan.ts'
import { local } from '../../src/runtime/local/local.ts'
import { analytics } from '../../src/scenarios/analytics.ts'
import { scenarioSchema } from '../../src/scenarios/scenario.ts'
import { emptyDashboard } from '../../src/system/dashboard.ts'

const plan = (arch: string, history: string) => planRun({ scenario: 'spike', arch, history, set: [], compose: [], results: 'results' }, local, 'lab run')

test.each([['500000', '500000'], ['500k', '500000'], ['1.5M', '1500000'], ['10_000', '10000'], ['1,000,000', '1000000'], ['many', 'many'], ['-3', '-3']])('%s is %s', (text, count) => {
  expect(asCount(text)).toBe(count)
})

describe('--history', () => {
  test('is planned', async () => expect((await plan('v1', '10M')).history).toBe(10_000_000))
  test.each(['0', '200M', 'x', '1.5'])('%s is refused with its bounds', (text) => expect(plan('v1', text)).rejects.toThrow(/--history .*whole number from 1 to 100000000/))
  test('an architecture that cannot be filled says which can', () => expect(plan('null', '10')).rejects.toThrow(/null cannot be filled with history; these can: .*v1.*v2/))
})

test('too little disk: exit code 3, and how much it takes', () => {
  expect(() => checkSpace(10_000_000, '/var/tmp', 1024 ** 3)).toThrow(expect.objectContaining({ exitCode: 3, message: expect.stringMatching(/^10,000,000 orders of history take about \d\.\d GiB of disk; \/var\/tmp has 1.0 GiB free$/) }))
  expect(() => checkSpace(1_000, '/var/tmp', 1024 ** 3)).not.toThrow()
})

test('waits until the dashboard counts all of it, and not for ever', async () => {
  const never = new AbortController().signal
  let count = 0
  const dashboard = async () => ({ ...emptyDashboard(), count: (count += 5) })
  expect(await shown({ dashboard }, 10, 5_000, never)).toBeGreaterThan(0)
  expect(count).toBe(10)
  expect(await shown({ dashboard: async () => emptyDashboard() }, 10, 0, never)).toBeUndefined()
})

describe('analytics', () => {
  test('is a valid scenario; a phase in which nobody comes is not', () => {
    expect(scenarioSchema.parse(analytics)).toEqual(analytics)
    const [first, ...rest] = analytics.phases
    expect(scenarioSchema.safeParse({ ...analytics, phases: [{ ...first, customers: { browser: 0 } }, ...rest] }).success).toBe(false)
  })
  test('writes stay at the base rate while reads double', () => {
    const perSecond = loadPhases(analytics, 200).map(({ shape, customers = {} }) => {
      const total = Object.values(customers).reduce((sum, weight) => sum + weight, 0)
      const rate = shape.kind === 'constant' ? shape.rate : NaN
      return [customers.commuter, (customers.browser ?? 0) + (customers.analyst ?? 0)].map((weight) => Math.round((rate * (weight ?? 0)) / total))
    })
    expect(perSecond).toEqual([[200, 50], [200, 50], [200, 100], [200, 200], [200, 400]])
  })
})
