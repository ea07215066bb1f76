import { breakpoint } from '../breakpoint.ts'
import type { Scenario, ScenarioPhase } from '../scenario.ts'
import { usual } from '../usual.ts'

/** What the steps are made of. None expects anything of the system but that no event is lost: they measure, and the sections judge. */

/** A loaded machine is wanted here: orders without a limit, from so many connections. The constant part before it is for the latencies. */
export function ceiling(connections = 50, seconds = 5): Pick<Scenario, 'phases'> {
  return { phases: [constant('warmup', 2, { warmup: true }), constant('constant', 3), { name: 'saturation', seconds, shape: { kind: 'saturation', connections }, warmup: false }] }
}

export function steady(seconds: number): Pick<Scenario, 'phases'> {
  return { phases: [constant('warmup', 3, { warmup: true }), constant('hold', seconds)] }
}

/** More than is drained, for a while: what the consumers do then is all they can. */
export function overload(seconds: number): Pick<Scenario, 'phases' | 'settleSeconds'> {
  return { phases: [constant('rise', 2, { warmup: true }), constant('hold', seconds)], settleSeconds: 120 }
}

export const READ_RATES = [50, 100, 200, 400] as const

/** Questions to the analytics at rising rates beside one order a second: the base rate is 1. */
export function questions(seconds: number): Pick<Scenario, 'phases'> {
  const asked = (name: string, perSecond: number, warmup = false): ScenarioPhase => ({ ...constant(name, seconds, { warmup, rate: 1 + perSecond }), customers: { commuter: 1, analyst: perSecond } })
  return { phases: [asked('warmup', 20, true), ...READ_RATES.map((rate) => asked(`reads-${rate}`, rate))] }
}

/** One probe of a search is the lab's own, shorter. */
export function capacity(holdSeconds: number): Pick<Scenario, 'phases' | 'search' | 'expectations' | 'settleSeconds'> {
  const { phases, search, expectations, settleSeconds } = breakpoint
  return {
    phases: phases.map((phase) => (phase.name === 'hold' ? { ...phase, seconds: holdSeconds } : phase)),
    search: { ...search!, tolerance: 0.1, confirmations: 1, probes: 24 },
    expectations,
    settleSeconds,
  }
}

export function scenarioOf(id: string, says: string, ratePerSecond: number, parts: Partial<Scenario>): Scenario {
  return {
    ...usual,
    id,
    title: says,
    says,
    baseRate: ratePerSecond,
    phases: [],
    customers: { commuter: 1 },
    subscribers: 5,
    expectations: [],
    ...parts,
  }
}

function constant(name: string, seconds: number, { warmup = false, rate = 1 } = {}): ScenarioPhase {
  return { name, seconds, shape: { kind: 'constant', rate }, warmup }
}
