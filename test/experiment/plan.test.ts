import { describe, expect, test } from 'vitest'
import { planRun, type RunOptions } from '../../src/experiment/plan.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'

const NOWHERE: Runtime = { name: 'local', up: () => Promise.reject(new Error('not asked for')) }
const plan = (options: Partial<RunOptions>) => planRun({ scenario: 'spike', arch: 'v2', set: [], compose: [], results: 'results', ...options }, NOWHERE, 'lab run')

describe('a plan', () => {
  test('has defaults for everything', async () => {
    const { baseRate, knobs, scenario, runId, runTag } = await plan({})
    expect(baseRate).toBe(500)
    expect(knobs).toMatchObject({ consumers: 1, fsync: 'always' })
    expect(scenario.phases.map((phase) => phase.seconds)).toEqual([8, 12, 5, 15, 5, 12])
    expect(runId).toMatch(/^\d{8}-\d{6}-spike-v2-[0-9a-f]{4}$/)
    expect(runTag).toBeGreaterThan(0)
  })

  test.each([['114', 2], ['114s', 2], ['1.9m', 2], ['28.5', 0.5]])('--duration %s stretches every phase alike', async (duration, factor) => {
    const { scenario } = await plan({ duration })
    const stretched = [8, 12, 5, 15, 5, 12].map((seconds) => seconds * factor)
    scenario.phases.forEach((phase, i) => expect(phase.seconds).toBeCloseTo(stretched[i]!))
  })

  test('takes knobs, rate, connections and subscribers', async () => {
    const made = await plan({ set: ['batch=50', 'fsync=no'], rate: '12.5', connections: '7', subscribers: '0', retries: '2', seed: '9' })
    expect(made.knobs).toMatchObject({ batch: 50, fsync: 'no' })
    expect(made).toMatchObject({ baseRate: 12.5, seed: 9, scenario: { connections: 7, subscribers: 0, retries: 2 } })
  })

  test.each([
    [{ scenario: 'spik' }, 'there is no scenario "spik". Did you mean "spike"?'],
    [{ arch: 'toString' }, 'there is no architecture "toString".'],
    [{ rate: '0' }, '--rate 0: must be a number from 0.1 to 100000'],
    [{ rate: '' }, '--rate : must be a number'],
    [{ connections: '1.5' }, '--connections 1.5: must be a whole number from 1 to 10000'],
    [{ duration: '5x' }, '--duration 5x: must be a number'],
    [{ set: ['batch'] }, '--set batch: must read <knob>=<value>'],
    [{ set: ['batch=none'] }, 'batch'],
    [{ compose: ['nowhere.yaml'] }, '--compose nowhere.yaml: no such file'],
  ] as [Partial<RunOptions>, string][])('%j is refused: %s', async (options, says) => {
    await expect(plan(options)).rejects.toMatchObject({ name: 'LabError', exitCode: 2, message: expect.stringContaining(says) as string })
  })

  test('faults: by time, aimed at what this architecture runs with these knobs', async () => {
    const { scenario } = await plan({ set: ['consumers=2'], fault: ['pause:redis@30s+5s', 'kill:worker.2@20s'] })
    expect(scenario.faults).toEqual([
      { fault: 'kill', service: 'worker', replica: 2, atSeconds: 20, added: true },
      { fault: 'pause', service: 'redis', replica: 1, atSeconds: 30, forSeconds: 5, added: true },
    ])
  })

  test.each([
    [{ fault: ['kill:wroker@20s'] }, /fault kill:wroker@20s: there is no service "wroker"\. Did you mean "worker"\? There are: api, postgres, redis, worker/],
    [{ fault: ['kill:setup@20s'] }, /no service "setup"/],
    [{ fault: ['kill:worker.2@20s'] }, /worker has 1 replica/],
    [{ fault: ['kill:worker@57s'] }, /the load is over after 57 s/],
    [{ fault: ['kill:worker@20s'], duration: '10' }, /the load is over after 10 s/],
    [{ fault: ['kill:worker@20s+5s', 'pause:worker@22s'] }, /overlap/],
    [{ fault: ['kil:worker@20s', 'kill:redis'], rate: 'x' }, /--rate x[\s\S]*--fault kil:worker@20s: there is no fault "kil"[\s\S]*--fault kill:redis: must read/],
  ] as [Partial<RunOptions>, RegExp][])('%j is refused before anything starts', async (options, says) => {
    await expect(plan(options)).rejects.toMatchObject({ name: 'LabError', exitCode: 2, message: expect.stringMatching(says) as string })
  })

  test('a search takes no faults, and says which scenarios do', async () => {
    const says = /--fault cannot be combined with breakpoint.*these take faults: spike, baseline, analytics, tenants/
    await expect(plan({ scenario: 'breakpoint', fault: ['kill:worker@20s'] })).rejects.toMatchObject({ name: 'LabError', exitCode: 2, message: expect.stringMatching(says) as string })
  })

  test('a search begins at a rate that it tries', async () => {
    await expect(plan({ scenario: 'breakpoint', rate: '90000' })).rejects.toThrow('--rate 90000: breakpoint tries rates from 1 to 64000')
  })

  test('of a search: --rate is the first rate, --duration the length of a probe', async () => {
    const { baseRate, scenario } = await plan({ scenario: 'breakpoint', rate: '250', duration: '19' })
    expect(baseRate).toBe(250)
    expect(scenario.phases.map(({ seconds }) => seconds)).toEqual([2, 2, 15])
    expect(scenario.search).toMatchObject({ tolerance: 0.05, confirmations: 3 })
  })

  test('all problems are named at once', async () => {
    await expect(plan({ scenario: 'x', rate: 'y', set: ['z'] })).rejects.toThrow(/scenario "x"[\s\S]*--rate y[\s\S]*--set z/)
  })
})
