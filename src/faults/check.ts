import type { ScenarioFault } from '../scenarios/scenario.ts'
import { suggest } from '../system/suggest.ts'
import { faultText, valueProblem } from './fault.ts'
import { faultOf } from './index.ts'

/** Two faults on one replica need this much between them, s: what is over at once still takes a while to be back. */
const APART_SECONDS = 1

/** How long it lasts, s; `undefined`: over at once. */
export function secondsOf({ fault, forSeconds }: ScenarioFault): number | undefined {
  return forSeconds ?? faultOf(fault).defaultSeconds
}

/** What faults can be aimed at. */
export interface Targets {
  /** Every service that stays up, with its number of replicas. */
  replicas: Readonly<Record<string, number>>
  /** Those that others connect to, so that a proxy can stand in front. */
  linkable: readonly string[]
}

/** Everything that keeps these faults from being played in this order on these services, one sentence each. */
export function faultProblems(planned: readonly ScenarioFault[], targets: Targets, loadSeconds: number): string[] {
  return [...planned.flatMap((fault) => alone(fault, targets, loadSeconds)), ...overlaps(planned)]
}

/** Which of them this runtime cannot do, one sentence each. */
export function beyondRuntime(planned: readonly ScenarioFault[], runtime: string, linkable: readonly string[]): string[] {
  if (runtime === 'docker') return []
  return planned.flatMap((fault) => {
    const { needsContainers, linkWithoutContainers } = faultOf(fault.fault)
    if (needsContainers) return [`fault ${faultText(fault)}: it can be done to containers alone, and this run is on plain processes (--runtime ${runtime})`]
    if (!linkWithoutContainers || linkable.includes(fault.service)) return []
    return [`fault ${faultText(fault)}: on plain processes (--runtime ${runtime}) it can be done to services that others connect to: ${linkable.join(', ')}`]
  })
}

/** Services that need a proxy in front of them, from the start of the run, for these faults. */
export function linkedServices(planned: readonly ScenarioFault[], runtime: string): string[] {
  const linked = planned.filter(({ fault }) => faultOf(fault).onLink || (runtime !== 'docker' && faultOf(fault).linkWithoutContainers))
  return [...new Set(linked.map(({ service }) => service))]
}

function alone(fault: ScenarioFault, { replicas: services, linkable }: Targets, loadSeconds: number): string[] {
  const text = faultText(fault)
  const problems: string[] = []
  const replicas = Object.hasOwn(services, fault.service) ? services[fault.service]! : undefined
  const names = Object.keys(services)
  if (replicas === undefined) problems.push(`fault ${text}: there is no service ${JSON.stringify(fault.service)}.${suggest(fault.service, names)} There are: ${names.join(', ')}`)
  else if (fault.replica > replicas) problems.push(`fault ${text}: ${fault.service} has ${replicas} replica${replicas === 1 ? '' : 's'}`)
  const wrong = valueProblem(fault.fault, fault.value)
  if (wrong !== undefined) problems.push(`fault ${text}: ${wrong}`)
  if (replicas !== undefined && faultOf(fault.fault).onLink) {
    if (!linkable.includes(fault.service)) problems.push(`fault ${text}: nobody connects to ${fault.service}; it can be done to ${linkable.join(', ')}`)
    if (fault.replica !== 1) problems.push(`fault ${text}: it meets the connections to all replicas; name none`)
  }
  if (fault.atSeconds >= loadSeconds) problems.push(`fault ${text}: the load is over after ${Number(loadSeconds.toFixed(3))} s`)
  return problems
}

/** Each with the one before it on the same replica; of those on its link, with the one before it of the same kind: others go together. */
function overlaps(planned: readonly ScenarioFault[]): string[] {
  const byReplica = Map.groupBy(planned, ({ fault, service, replica }) => (faultOf(fault).onLink ? `${fault} ${service}` : `${service}.${replica}`))
  return [...byReplica.values()].flatMap((same) => {
    const ordered = same.toSorted((a, b) => a.atSeconds - b.atSeconds)
    return ordered.slice(1).flatMap((later, i) => {
      const earlier = ordered[i]!
      const free = earlier.atSeconds + Math.max(APART_SECONDS, secondsOf(earlier) ?? 0)
      return later.atSeconds >= free ? [] : [`faults ${faultText(earlier)} and ${faultText(later)} overlap: the second can begin at ${Number(free.toFixed(3))} s`]
    })
  })
}
