import { faultProblems } from '../faults/check.ts'
import { parseFault } from '../faults/fault.ts'
import { readComposeFiles } from '../runtime/compose-read.ts'
import { readStack } from '../runtime/compose.ts'
import type { Scenario, ScenarioFault } from '../scenarios/scenario.ts'
import { envFromKnobs } from '../system/knobs.ts'

/** What faults can be aimed at: every service that stays up, with its number of replicas. */
export function targetsIn(composeFiles: readonly string[], knobs: Readonly<Record<string, string | number | boolean>>): Record<string, number> {
  const { services } = readStack(readComposeFiles([...composeFiles]), envFromKnobs(knobs))
  return Object.fromEntries(Object.values(services).filter(({ oneShot }) => !oneShot).map(({ name, replicas }) => [name, replicas]))
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
export function withFaults(scenario: Scenario, added: readonly ScenarioFault[], targets: () => Record<string, number>, problems: string[]): Scenario {
  const faults = [...scenario.faults, ...added].sort((a, b) => a.atSeconds - b.atSeconds)
  if (faults.length === 0) return scenario
  const loadSeconds = scenario.phases.reduce((sum, phase) => sum + phase.seconds, 0)
  problems.push(...faultProblems(faults, targets(), loadSeconds))
  return { ...scenario, faults }
}
