import { beyondRuntime, faultProblems, type Targets } from '../faults/check.ts'
import { parseFault } from '../faults/fault.ts'
import { readComposeFiles } from '../runtime/compose-read.ts'
import { readStack } from '../runtime/compose.ts'
import { linkable } from '../runtime/links.ts'
import type { Scenario, ScenarioFault } from '../scenarios/scenario.ts'
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

/** Which of a plan's faults this runtime cannot do, one sentence each. */
export function faultsBeyond({ scenario, composeFiles, knobs }: { scenario: Scenario; composeFiles: readonly string[]; knobs: Parameters<typeof targetsIn>[1] }, runtime: string): string[] {
  return beyondRuntime(scenario.faults, runtime, targetsIn(composeFiles, knobs).linkable)
}
