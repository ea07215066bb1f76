import type { ComposeService, Condition, Stack } from '../compose.ts'
import type { Managed } from '../managed.ts'

/** A node process finishes what it has in hand; a store has nothing to save, its data are thrown away. */
const NODE_GRACE_MS = 2_500
const STORE_GRACE_MS = 1_000

/**
 * Starts every service once what it depends on is as far as it wants it; independent ones start together.
 * The first failure is thrown as soon as it happens; taking down is the caller's.
 */
export async function bringUp(stack: Stack, replicas: readonly Managed[], signal: AbortSignal): Promise<void> {
  const failure = new AbortController()
  const either = AbortSignal.any([signal, failure.signal])
  const stages = new Map<string, Record<Condition, Promise<unknown>>>()
  for (const name of stack.order) {
    const service = stack.services[name]!
    const own = replicas.filter((replica) => replica.service === name)
    const waits = Object.entries(service.dependsOn).map(([other, condition]) => stages.get(other)![condition])
    stages.set(name, stagesOf(service, own, Promise.all(waits), either))
  }
  const all = [...stages.values()].flatMap((stage) => Object.values(stage))
  try {
    await Promise.all(all)
  } catch (error) {
    failure.abort(error)
    await Promise.allSettled(all)
    signal.throwIfAborted()
    throw error
  }
}

function stagesOf(service: ComposeService, own: readonly Managed[], wait: Promise<unknown>, signal: AbortSignal): Record<Condition, Promise<unknown>> {
  const each = (step: (replica: Managed) => Promise<void>): Promise<unknown> => Promise.all(own.map(step))
  const started = wait.then(async () => {
    signal.throwIfAborted()
    await each((replica) => replica.launch())
  })
  // A one-shot is done or it is not; it has no moment at which it is ready.
  const healthy = started.then(() => each((replica) => (service.oneShot ? replica.completed(signal) : replica.ready(signal))))
  return { service_started: started, service_healthy: healthy, service_completed_successfully: healthy }
}

/** Ends every service after all that depend on it. Never throws: what resists is left to the sweep that follows. */
export async function takeDown(stack: Stack, replicas: readonly Managed[]): Promise<void> {
  const ended = new Map<string, Promise<unknown>>()
  for (const name of stack.order.toReversed()) {
    const dependents = stack.order.filter((other) => stack.services[other]!.dependsOn[name] !== undefined)
    const own = replicas.filter((replica) => replica.service === name)
    const graceMs = stack.services[name]!.provider === 'node' ? NODE_GRACE_MS : STORE_GRACE_MS
    const before = Promise.all(dependents.map((other) => ended.get(other)))
    ended.set(name, before.then(() => Promise.allSettled(own.map((replica) => replica.discard(graceMs)))))
  }
  await Promise.all(ended.values())
}
