import { without, type Stack } from '../compose.ts'
import type { StackRequest } from '../runtime.ts'
import { environmentOf, type External } from './external.ts'

/** The stack without what somebody else runs: nobody waits for it, and every process of ours is told how to reach it. */
export function withoutExternal(stack: Stack, external: StackRequest['external']): Stack {
  if (external === undefined) return stack
  const { services, ...rest } = without(stack, new Set(external.services))
  const told = Object.entries(services).map(([name, service]) => [name, service.provider === 'node' ? { ...service, environment: { ...service.environment, ...external.env } } : service] as const)
  return { ...rest, services: Object.fromEntries(told) }
}

export interface Replaced {
  external: External
  /** Name of the compose service it stands in for. */
  service: string
}

/** Which of them this stack has a use for. What cannot be replaced goes to `problems`. */
export function replacedIn({ services }: Pick<Stack, 'services'>, externals: readonly External[], problems: string[]): Replaced[] {
  return externals.flatMap((external) => {
    const { kind, variable } = external
    const same = Object.values(services).filter(({ provider }) => provider === kind)
    const standby = same.find(({ standbyOf }) => standbyOf !== undefined)
    if (standby !== undefined) problems.push(`${variable}: ${standby.name} follows ${standby.standbyOf}, which then is not the lab's: run without it (--set replica=off), or unset ${variable}`)
    else if (same.length > 1) problems.push(`${variable}: these knobs ask for ${same.length} servers of the lab's own (${same.map(({ name }) => name).join(', ')}): --set brokers=1, or unset ${variable}`)
    return same.length === 1 ? [{ external, service: same[0]!.name }] : []
  })
}

/** Told to the runtimes. */
export function requestFor(replaced: readonly Replaced[], namespace: string): NonNullable<StackRequest['external']> {
  return { services: replaced.map(({ service }) => service), env: Object.assign({}, ...replaced.map(({ external }) => environmentOf(external, namespace))) as Record<string, string> }
}
