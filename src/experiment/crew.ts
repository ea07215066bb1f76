import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { InjectorSnapshot, LoadPlan, SubscriberPlan, SubscriberSnapshot } from '../load/control.ts'
import { connectInjector, type InjectorClient } from '../load/injector-client.ts'
import { connectSubscribers, type SubscribersClient } from '../load/subscribers-client.ts'
import { LabError, EXIT } from '../run/errors.ts'
import type { LabProcess, System } from '../runtime/runtime.ts'

/** The processes that play the load and watch the dashboard, each steered over its control connection. */
export interface Injector extends AsyncDisposable {
  client: InjectorClient
  last(): InjectorSnapshot | undefined
  /** Plays the plan to its end. Aborting stops the arrivals, and rejects once what was open is over. */
  play(plan: LoadPlan, signal: AbortSignal): Promise<{ invalid: string[] }>
}

export interface Subscribers extends AsyncDisposable {
  client: SubscribersClient
  last(): SubscriberSnapshot | undefined
  /** Connects all of them; resolves when they are, or after a bounded time with those that are. */
  watch(plan: SubscriberPlan, signal: AbortSignal): Promise<void>
}

const CONNECT_LIMIT_MS = 10_000
/** After a stop: open requests end by their own timeout, but teardown must not wait that long. */
const STOP_LIMIT_MS = 3_000

export async function startInjector(system: System): Promise<Injector> {
  const { process, target } = await startSteered(system, 'injector')
  const client = await connectInjector(target)
  let last: InjectorSnapshot | undefined
  client.onSnapshot((snapshot) => (last = snapshot))
  return {
    client,
    last: () => last,
    async play(plan, signal) {
      const stop = () => client.stop()
      signal.addEventListener('abort', stop, { once: true })
      try {
        client.start(plan)
        return await Promise.race([client.done, tooLongAfter(signal)])
      } finally {
        signal.removeEventListener('abort', stop)
        signal.throwIfAborted()
      }
    },
    [Symbol.asyncDispose]: () => dismiss(client, process),
  }
}

export async function startSubscribers(system: System): Promise<Subscribers> {
  const { process, target } = await startSteered(system, 'subscribers')
  const client = await connectSubscribers(target)
  let last: SubscriberSnapshot | undefined
  client.onSnapshot((snapshot) => (last = snapshot))
  return {
    client,
    last: () => last,
    async watch(plan, signal) {
      client.start(plan)
      const untilMs = Date.now() + CONNECT_LIMIT_MS
      while ((last?.connected ?? 0) < plan.count && Date.now() < untilMs) await sleep(20, undefined, { signal })
    },
    [Symbol.asyncDispose]: () => dismiss(client, process),
  }
}

/** Starts the process and reads where it listens from its first line. */
async function startSteered(system: System, entry: 'injector' | 'subscribers') {
  const token = randomBytes(16).toString('hex')
  const process = await system.spawn(entry, { LAB_CONTROL_TOKEN: token })
  const first = await Promise.race([
    firstLine(process),
    process.exited.then(({ code, signal }) => {
      throw new LabError(EXIT.internal, `the ${entry} process ended before it listened (${signal ?? `exit code ${code}`})`, `its log: logs/${entry}.log in the run's folder`)
    }),
  ])
  const { control } = JSON.parse(first) as { control: number }
  return { process, target: { ...process.reach(control), token } }
}

function firstLine(process: LabProcess): Promise<string> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: process.stdout })
    lines.once('line', (line) => {
      resolve(line)
      // Further output is of no interest, but a full pipe would stop the process.
      process.stdout.resume()
    })
  })
}

async function dismiss(client: AsyncDisposable, process: LabProcess): Promise<void> {
  await client[Symbol.asyncDispose]()
  await process[Symbol.asyncDispose]()
}

async function tooLongAfter(signal: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })))
  await sleep(STOP_LIMIT_MS)
  throw new LabError(EXIT.internal, 'the injector did not stop in time')
}
