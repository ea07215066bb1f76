import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { EXIT, LabError } from '../../run/errors.ts'
import { readComposeFiles, readStack } from '../compose.ts'
import { createUndo } from '../local/undo.ts'
import { self } from '../run-mark.ts'
import type { Runtime, StackRequest, System } from '../runtime.ts'
import { removeClaim, writeClaim } from './claims.ts'
import { namespaceOf, placeOf, type External } from './external.ts'
import { guests } from './guests.ts'
import { replacedIn, requestFor, type Replaced } from './stack.ts'

/** Architectures whose tenants have accounts of PostgreSQL. */
const WITH_ROLES = 'v4'

/**
 * Brings a stack up in which some services are somebody else's: looks at their servers first, makes a part of the run's own there, and removes
 * it again once everything of ours has ended.
 */
export async function upWith(runtime: Runtime, externals: readonly External[], request: StackRequest): Promise<System> {
  if (externals.length === 0) return runtime.up(request)
  const stack = readStack(readComposeFiles(request.files), request.env)
  const problems: string[] = []
  const replaced = replacedIn(stack, externals, problems)
  if (runtime.name === 'docker') problems.push(...unreachableFromContainers(replaced))
  if (problems.length > 0) throw new LabError(EXIT.usage, problems.join('\n'))
  if (replaced.length === 0) return runtime.up(request)
  const roles = Object.values(stack.services).some(({ environment }) => environment.LAB_ARCH === WITH_ROLES)
  const beganMs = performance.now()
  const versions = await allOrEveryProblem(replaced.map(({ external }) => guests[external.kind].inspect(external, { roles })))
  request.signal.throwIfAborted()

  await using undo = createUndo()
  const namespace = await settle(request.runId, replaced, undo.defer)
  for (const [at, { service }] of replaced.entries()) request.on({ type: 'service-ready', service, replica: 1, tookMs: performance.now() - beganMs, version: versions[at] })
  const system = await runtime.up({ ...request, external: requestFor(replaced, namespace) })
  return withEnd(system, undo.move())
}

/** Says on disk what it makes before it makes it: whatever happens from here on, somebody can find it. */
async function settle(runId: string, replaced: readonly Replaced[], defer: (step: () => Promise<void>) => void): Promise<string> {
  const namespace = namespaceOf(runId, randomBytes(3).toString('hex'))
  await writeClaim({
    runId,
    owner: self(),
    host: hostname(),
    parts: replaced.map(({ external }) => ({ kind: external.kind, variable: external.variable, place: placeOf(external), namespace })),
  })
  defer(() => leaveAll(runId, replaced, namespace))
  for (const { external } of replaced) await guests[external.kind].settle(external, namespace)
  return namespace
}

async function leaveAll(runId: string, replaced: readonly Replaced[], namespace: string): Promise<void> {
  const left = await Promise.allSettled(replaced.map(({ external }) => guests[external.kind].leave(external, namespace)))
  const failed = left.flatMap((result, at) => (result.status === 'rejected' ? [`${guests[replaced[at]!.external.kind].part(namespace)} cannot be removed: ${(result.reason as Error).message}`] : []))
  if (failed.length > 0) throw new LabError(EXIT.prerequisite, failed.join('\n'), '`lab clean`, with the same URLs in the environment, tries again')
  await removeClaim(runId)
}

function withEnd(system: System, end: AsyncDisposable): System {
  let disposed: Promise<void> | undefined
  const dispose = async (): Promise<void> => {
    try {
      await system[Symbol.asyncDispose]()
    } finally {
      await end[Symbol.asyncDispose]()
    }
  }
  return Object.create(system, { [Symbol.asyncDispose]: { value: () => (disposed ??= dispose()) } }) as System
}

function unreachableFromContainers(replaced: readonly Replaced[]): string[] {
  return replaced.flatMap(({ external: { hosts, variable } }) =>
    hosts.some(({ host }) => /^(localhost|127\.|::1$)/.test(host)) ? [`${variable}: ${placeOf({ hosts, tls: 'off' })} is the container itself where services run in containers: name an address that they reach, or --runtime local`] : [],
  )
}

async function allOrEveryProblem<T>(asked: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(asked)
  const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
  if (failed.length === 1 || failed.some((error) => !(error instanceof LabError))) throw failed[0]
  if (failed.length > 1) throw new LabError(EXIT.prerequisite, (failed as LabError[]).map(({ message, hint }) => `${message} (${hint})`).join('\n'))
  return results.map((result) => (result as PromiseFulfilledResult<T>).value)
}
