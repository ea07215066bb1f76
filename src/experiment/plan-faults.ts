import { beyondRuntime, faultProblems, type Targets } from '../faults/check.ts'
import { parseFault } from '../faults/fault.ts'
import { readComposeFiles } from '../runtime/compose-read.ts'
import { readStack } from '../runtime/compose.ts'
import { linkable } from '../runtime/links.ts'
import { endOf, lastingUntil, tourOf } from '../faults/tour.ts'
import type { Scenario, ScenarioFault } from '../scenarios/scenario.ts'
import type { Architecture, FaultExpectation } from '../system/architecture.ts'
import { envFromKnobs } from '../system/knobs.ts'

/** What faults can be aimed at, in these compose files with these knobs. */
export function targetsIn(composeFiles: readonly string[], knobs: Readonly<Record<string, string | number | boolean>>): Targets {
  const { services } = readStack(readComposeFiles([...composeFiles]), envFromKnobs(knobs))
  const lasting = Object.values(services).filter(({ oneShot }) => !oneShot)
  return { replicas: Object.fromEntries(lasting.map(({ name, replicas }) => [name, replicas])), linkable: linkable({ services }) }
}

/** `--fault` texts as data; what cannot be read goes to `problems`. */
export function parseFaults(texts: readonly string[], problems: string[]): ScenarioFault[] {
  return texts.flatMap((text) => {
    const parsed = parseFault(text)
    if (parsed.ok) return [parsed.fault]
    problems.push(`--fault ${text}: ${parsed.says}`)
    return []
  })
}

/** The scenario with the added faults, all by time; what cannot be played goes to `problems`. */
export function withFaults(scenario: Scenario, added: readonly ScenarioFault[], targets: () => Targets, problems: string[]): Scenario {
  const faults = [...scenario.faults, ...added].sort((a, b) => a.atSeconds - b.atSeconds)
  if (faults.length === 0) return scenario
  const loadSeconds = scenario.phases.reduce((sum, phase) => sum + phase.seconds, 0)
  problems.push(...faultProblems(faults, targets(), loadSeconds))
  return { ...scenario, faults }
}

/**
 * Where a scenario plays faults for their own sake: the architecture's whole list unless some are named, and a load as long as they take.
 * @param foreign services that the lab does not own
 * @param isStretched somebody said how long the load is to be
 */
export function withList(scenario: Scenario, added: readonly ScenarioFault[], list: readonly FaultExpectation[], targets: () => Targets, foreign: readonly string[], isStretched: boolean, problems: string[]): { scenario: Scenario; leftOut: string[] } {
  const { faultsFromSeconds } = scenario
  if (faultsFromSeconds === undefined) return { scenario, leftOut: [] }
  if (added.length > 0) return { scenario: isStretched ? scenario : lastingUntil(scenario, endOf(added, list)), leftOut: [] }
  if (isStretched) {
    problems.push(`--duration: ${scenario.id} lasts as long as the faults of the architecture take; name some with --fault to say how long`)
    return { scenario, leftOut: [] }
  }
  const { faults, endSeconds, leftOut } = tourOf(list, targets(), foreign, faultsFromSeconds)
  return { scenario: { ...lastingUntil(scenario, endSeconds), faults: [...scenario.faults, ...faults] }, leftOut }
}

/** What an architecture says of faults, with these knobs. */
export function faultListOf({ faults }: Architecture, knobs: Parameters<typeof targetsIn>[1]): readonly FaultExpectation[] {
  return typeof faults === 'function' ? faults(knobs) : faults
}

/** Which of a plan's faults this runtime cannot do, one sentence each. */
export function faultsBeyond({ scenario, composeFiles, knobs }: { scenario: Scenario; composeFiles: readonly string[]; knobs: Parameters<typeof targetsIn>[1] }, runtime: string): string[] {
  return beyondRuntime(scenario.faults, runtime, targetsIn(composeFiles, knobs).linkable)
}
