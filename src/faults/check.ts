import type { ScenarioFault } from '../scenarios/scenario.ts'
import { suggest } from '../system/suggest.ts'
import { faultText } from './fault.ts'
import { faults } from './index.ts'

/** Two faults on one replica need this much between them, s: what is over at once still takes a while to be back. */
const APART_SECONDS = 1

/** How long it lasts, s; `undefined`: over at once. */
export function secondsOf({ fault, forSeconds }: ScenarioFault): number | undefined {
  return forSeconds ?? (faults[fault] as { defaultSeconds?: number }).defaultSeconds
}

/** Everything that keeps these faults from being played in this order on these services (name → replicas), one sentence each. */
export function faultProblems(planned: readonly ScenarioFault[], services: Readonly<Record<string, number>>, loadSeconds: number): string[] {
  return [...planned.flatMap((fault) => alone(fault, services, loadSeconds)), ...overlaps(planned)]
}

/** Which of them this runtime cannot do, one sentence each. */
export function beyondRuntime(planned: readonly ScenarioFault[], runtime: string): string[] {
  const needing = planned.filter(({ fault }) => runtime !== 'docker' && (faults[fault] as { needsContainers?: boolean }).needsContainers === true)
  return needing.map((fault) => `fault ${faultText(fault)}: it can be done to containers alone, and this run is on plain processes (--runtime ${runtime})`)
}

function alone(fault: ScenarioFault, services: Readonly<Record<string, number>>, loadSeconds: number): string[] {
  const text = faultText(fault)
  const problems: string[] = []
  const replicas = Object.hasOwn(services, fault.service) ? services[fault.service]! : undefined
  const names = Object.keys(services)
  if (replicas === undefined) problems.push(`fault ${text}: there is no service ${JSON.stringify(fault.service)}.${suggest(fault.service, names)} There are: ${names.join(', ')}`)
  else if (fault.replica > replicas) problems.push(`fault ${text}: ${fault.service} has ${replicas} replica${replicas === 1 ? '' : 's'}`)
  if (fault.atSeconds >= loadSeconds) problems.push(`fault ${text}: the load is over after ${Number(loadSeconds.toFixed(3))} s`)
  return problems
}

/** Each with the one before it on the same replica. */
function overlaps(planned: readonly ScenarioFault[]): string[] {
  const byReplica = Map.groupBy(planned, ({ service, replica }) => `${service}.${replica}`)
  return [...byReplica.values()].flatMap((same) => {
    const ordered = same.toSorted((a, b) => a.atSeconds - b.atSeconds)
    return ordered.slice(1).flatMap((later, i) => {
      const earlier = ordered[i]!
      const free = earlier.atSeconds + Math.max(APART_SECONDS, secondsOf(earlier) ?? 0)
      return later.atSeconds >= free ? [] : [`faults ${faultText(earlier)} and ${faultText(later)} overlap: the second can begin at ${Number(free.toFixed(3))} s`]
    })
  })
}
