import type { Scenario, ScenarioFault } from '../scenarios/scenario.ts'
import type { FaultExpectation } from '../system/architecture.ts'
import { secondsOf, type Targets } from './check.ts'
import type { FaultName } from './fault.ts'
import { faultOf, faults as known } from './index.ts'

/** Between the time a fault may take to be over and the next: three good seconds are seen, and five are there to compare with. */
const QUIET_SECONDS = 8
/** For one of which nobody says how long it may take. */
const UNSAID_SECONDS = 30

export interface Tour {
  faults: ScenarioFault[]
  /** The load must go on until then, s. */
  endSeconds: number
  /** What cannot be played here, one sentence each. */
  leftOut: string[]
}

/** An architecture's whole list on one timeline, in its order, each with the time that it may take and a quiet while. */
export function tourOf(list: readonly FaultExpectation[], { replicas, linkable }: Targets, foreign: readonly string[], fromSeconds: number): Tour {
  const tour: Tour = { faults: [], endSeconds: fromSeconds, leftOut: [] }
  for (const expected of list) {
    const { fault, service, value, forSeconds, recoversWithinS } = expected
    if (!isFault(fault)) throw new Error(`there is no fault ${JSON.stringify(fault)}, of which an expectation speaks`)
    const why = foreign.includes(service)
      ? 'the lab does not own that server'
      : !Object.hasOwn(replicas, service)
        ? 'with these knobs there is no such service'
        : (faultOf(fault).onLink || faultOf(fault).linkWithoutContainers) && !linkable.includes(service)
          ? 'nobody connects to it at one address'
          : undefined
    if (why !== undefined) {
      tour.leftOut.push(`${fault} ${service} is left out: ${why}`)
      continue
    }
    const planned: ScenarioFault = { fault, service, replica: 1, ...(value !== undefined && { value }), atSeconds: tour.endSeconds, ...(forSeconds !== undefined && { forSeconds }), whenHealed: true, added: false }
    tour.faults.push(planned)
    tour.endSeconds += (secondsOf(planned) ?? 0) + recoversWithinS + QUIET_SECONDS
  }
  return tour
}

/** The second until which the load must go on, so that each of these faults has the time that it may take. */
export function endOf(planned: readonly ScenarioFault[], list: readonly FaultExpectation[]): number {
  return planned.reduce((end, fault) => {
    const within = list.find((one) => one.fault === fault.fault && one.service === fault.service)?.recoversWithinS ?? UNSAID_SECONDS
    return Math.max(end, fault.atSeconds + (secondsOf(fault) ?? 0) + within + QUIET_SECONDS)
  }, 0)
}

/** The scenario with a last phase that goes on until then, if it does not already. */
export function lastingUntil(scenario: Scenario, endSeconds: number): Scenario {
  const missing = endSeconds - scenario.phases.reduce((sum, { seconds }) => sum + seconds, 0)
  if (missing <= 0) return scenario
  return { ...scenario, phases: scenario.phases.map((phase, i) => (i === scenario.phases.length - 1 ? { ...phase, seconds: phase.seconds + missing } : phase)) }
}

function isFault(name: string): name is FaultName {
  return Object.hasOwn(known, name)
}
