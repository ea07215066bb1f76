import { describe, expect, test } from 'vitest'
import { autoscaleRules, decide, NO_MEMORY, withAutoscale, type AutoscaleRule } from '../../src/experiment/autoscale.ts'

const [API, WORKER] = autoscaleRules({ autoscale: 'on', consumers: 2 }, ['api', 'worker']) as [AutoscaleRule, AutoscaleRule]

/** Plays a figure a second; returns the decisions as `second: replicas`. The number of replicas follows. */
function play(rule: AutoscaleRule, replicas: number, figures: (number | undefined)[]): string[] {
  let memory = NO_MEMORY
  let now = replicas
  return figures.flatMap((figure, atS) => {
    const { memory: next, decision } = decide(rule, memory, { atS, replicas: now, figure })
    memory = next
    if (decision === undefined) return []
    now = decision.to
    return [`${atS}: ${decision.to}`]
  })
}

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

describe('API replicas by CPU', () => {
  test.each([
    ['70 % of a core for ever is no reason', 2, times(60, 0.7), []],
    ['a little more for two seconds is', 2, times(3, 0.71), ['2: 3']],
    ['a burst of one second is none', 2, [0.9, 0.9, 0.5, 0.9, 0.9, 0.5], []],
    ['as many as bring a replica to half a core, at most twice as many', 4, times(3, 0.8), ['2: 7']],
    ['overload doubles, and after a change waits five seconds for its effect', 2, times(12, 1), ['2: 4', '7: 8']],
    ['never more than 20', 18, times(20, 1), ['2: 20']],
    ['30 % for ever is no reason to shrink', 4, times(60, 0.3), []],
    ['less for ten seconds is: to what half a core each would take', 6, times(11, 0.2), ['10: 3']],
    ['a busier second in between begins anew', 6, [...times(9, 0.1), 0.4, ...times(10, 0.1)], []],
    ['never fewer than 2', 3, times(60, 0), ['10: 2']],
    ['what is not measured decides nothing, and breaks a stretch', 2, [0.9, 0.9, undefined, 0.9, 0.9], []],
  ])('%s', (_, replicas, figures, decisions) => expect(play(API, replicas, figures)).toEqual(decisions))

  test('says why', () => {
    const first = decide(API, NO_MEMORY, { atS: 0, replicas: 2, figure: 0.9 })
    const { decision } = decide(API, first.memory, { atS: 2, replicas: 2, figure: 0.824 })
    expect(decision).toEqual({ to: 4, says: '90 % of a core per replica, above 70 % for 2 s' })
  })
})

describe('workers by backlog', () => {
  test.each([
    ['1,000 events for ever are no reason', 2, times(60, 1_000), []],
    ['more are: one after the other', 2, times(9, 5_000), ['2: 3', '5: 4', '8: 5']],
    ['one fewer once it is gone', 4, times(25, 0), ['10: 3', '21: 2']],
    ['never fewer than they were', 2, times(60, 0), []],
  ])('%s', (_, replicas, figures, decisions) => expect(play(WORKER, replicas, figures)).toEqual(decisions))
})

test.each([
  [{ autoscale: 'off', api: 1 }, [], 1],
  [{ api: 1 }, [], 1],
  [{ autoscale: 'on', api: 1 }, ['api'], 2],
  [{ autoscale: 'on', api: 5, consumers: 1 }, ['api', 'worker'], 5],
])('%j scales %j and starts with %d', (knobs, services, api) => {
  expect(autoscaleRules(knobs, ['api', 'worker', 'postgres']).map(({ service }) => service)).toEqual(services)
  expect(withAutoscale(knobs).api).toBe(api)
})
