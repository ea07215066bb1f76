import type { Stack } from '../compose.ts'
import type { Managed } from '../managed.ts'

/** Adds and removes replicas of a running stack, one change after the other. */
export interface Scaling {
  scale(service: string, replicas: number): Promise<void>
  /** Gives up what is under way and takes no more; resolves when nothing is. What is up stays up. */
  stop(): Promise<void>
}

export interface ScalingParts<R extends Managed> {
  stack: Stack
  /** All there is to take down; kept up to date. */
  replicas: R[]
  /** What counts as running; kept up to date. */
  running: R[]
  /** A replica of the service, not started. */
  make(service: string, number: number): R
}

const MOST_REPLICAS = 100

export function createScaling<R extends Managed>({ stack, replicas, running, make }: ScalingParts<R>): Scaling {
  const closing = new AbortController()
  const leaving = new Set<R>()
  let queue: Promise<unknown> = Promise.resolve()
  closing.signal.addEventListener('abort', () => leaving.forEach((replica) => void replica.kill({ hold: true })))

  async function change(service: string, wanted: number): Promise<void> {
    closing.signal.throwIfAborted()
    const own = running.filter((replica) => replica.service === service).sort((a, b) => a.replica - b.replica)
    if (own.length > wanted) await settled(own.slice(wanted).map(remove))
    const numbers = Array.from({ length: wanted }, (_, index) => index + 1)
    const free = numbers.filter((number) => own.every(({ replica }) => replica !== number))
    if (own.length < wanted) await settled(free.slice(0, wanted - own.length).map((number) => add(service, number)))
  }

  async function add(service: string, number: number): Promise<void> {
    const replica = make(service, number)
    // Known to teardown before it runs.
    replicas.push(replica)
    try {
      await replica.launch()
      await replica.ready(closing.signal)
      insert(running, replica)
    } catch (error) {
      await replica.discard(0)
      drop(replicas, replica)
      throw error
    }
  }

  /** Counted until it has ended: so long it works on what it has in hand. */
  async function remove(replica: R): Promise<void> {
    leaving.add(replica)
    if (closing.signal.aborted) return
    await replica.discard(stack.services[replica.service]!.stopGraceMs)
    leaving.delete(replica)
    drop(running, replica)
    drop(replicas, replica)
  }

  return {
    scale(service, wanted) {
      const problem = whyNot(stack, service, wanted)
      if (problem !== undefined) return Promise.reject(new Error(problem))
      const changed = queue.then(() => change(service, wanted))
      queue = changed.catch(() => undefined)
      return changed
    },
    async stop() {
      closing.abort(new Error('the system is being taken down'))
      await queue
    },
  }
}

function whyNot({ services }: Stack, name: string, wanted: number): string | undefined {
  const service = services[name]
  if (service === undefined) return `there is no service ${name} (there are: ${Object.keys(services).join(', ')})`
  if (service.provider !== 'node' || service.oneShot) return `service ${name} cannot be scaled: only services of ours that go on running can`
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > MOST_REPLICAS) return `${wanted} replicas of ${name}: must be a whole number from 1 to ${MOST_REPLICAS}`
  return undefined
}

/** Waits for all, whatever becomes of some. @throws the first failure */
async function settled(steps: Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(steps)).find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}

/** After those of its service with smaller numbers, whichever was ready first. */
function insert<R extends Managed>(list: R[], replica: R): void {
  const before = list.findLastIndex((it) => it.service === replica.service && it.replica < replica.replica)
  list.splice(before + 1, 0, replica)
}

function drop<T>(list: T[], item: T): void {
  const at = list.indexOf(item)
  if (at >= 0) list.splice(at, 1)
}
