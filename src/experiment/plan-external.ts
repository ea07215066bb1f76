import { readComposeFiles } from '../runtime/compose-read.ts'
import { readStack } from '../runtime/compose.ts'
import type { External, Kind } from '../runtime/external/external.ts'
import { readExternals, variableOf } from '../runtime/external/read-urls.ts'
import { replacedIn, type Replaced } from '../runtime/external/stack.ts'
import { faultText } from '../faults/fault.ts'
import type { ScenarioFault } from '../scenarios/scenario.ts'
import type { Architecture } from '../system/architecture.ts'
import { defaultKnobs, envFromKnobs } from '../system/knobs.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Knobs that are settings of a server: where it is somebody else's they can only be what they are by default, and then say nothing of it. */
const OF_SERVERS: readonly { architecture: string; knob: string; kind: Kind }[] = [{ architecture: 'v2', knob: 'fsync', kind: 'redis' }]

/** Services of these compose files that the environment names others for. What cannot be is told to `problems`. */
export function externalsFor(architecture: Architecture, knobs: Readonly<Record<string, string | number | boolean>>, files: readonly string[], env: Env, problems: string[]): Replaced[] {
  const externals = readExternals(env, problems)
  if (externals.length === 0) return []
  const replaced = replacedIn(readStack(readComposeFiles([...files]), envFromKnobs(knobs)), externals, problems)
  const defaults = defaultKnobs(architecture)
  for (const { knob, kind } of OF_SERVERS.filter((one) => one.architecture === architecture.id)) {
    const used = replaced.some(({ external }) => external.kind === kind)
    if (used && knobs[knob] !== defaults[knob]) problems.push(`--set ${knob}=${knobs[knob]}: ${variableOf(kind)} names a server that is not the lab's, and it stays as it is configured`)
  }
  return replaced
}

/** Why faults cannot be played on what is not the lab's, one sentence each. */
export function faultsOnOthers(faults: readonly ScenarioFault[], replaced: readonly Replaced[]): string[] {
  return faults.flatMap((fault) => {
    const hit = replaced.find(({ service }) => service === fault.service)
    return hit === undefined ? [] : [`fault ${faultText(fault)}: ${fault.service} is the server that ${hit.external.variable} names; the lab does not own it and breaks nothing of it`]
  })
}

/** For who only wants the servers. */
export function serversOf(replaced: readonly Replaced[]): External[] {
  return replaced.map(({ external }) => external)
}
