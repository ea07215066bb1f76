/**
 * `lab selftest`: the injector and the subscribers against servers whose answers are known ahead. Fails if anything but
 * the truth comes out, each figure within a stated tolerance.
 */
import { createServer, type AddressInfo } from 'node:net'
import { connectInjector } from '../load/injector-client.ts'
import type { LoadPlan } from '../load/control.ts'
import { INJECTOR_CASES, type InjectorCase } from './cases.ts'
import { entries, startControlled, startKnownAnswers, type Entries, type KnownAnswers } from './children.ts'
import { evidenceOf } from './evidence.ts'
import { accountingChecks, type Check } from './judge.ts'
import { SUBSCRIBER_CASE, subscriberChecks } from './subscriber-case.ts'

export interface SelftestResult {
  name: string
  says: string
  ok: boolean
  checks: Check[]
  tookMs: number
}

export interface SelftestOptions {
  /** Told of each case as it ends. */
  onResult?(result: SelftestResult): void
  /** Only cases whose name holds this. */
  only?: string
  /** Other files than the lab's own: to show that a wrong injector is found out. */
  entries?: Partial<Entries>
  signal?: AbortSignal
}

/** From sending the plan to its first arrival: ten processes may be starting on few cores. */
const LEAD_MS = 500

/** All results, in the order of the cases; takes about 20 s. Rejects only if a case cannot be run at all. */
export async function selftest(options: SelftestOptions = {}): Promise<SelftestResult[]> {
  const files = { ...entries(), ...options.entries }
  await using servers = await startKnownAnswers(files.knownAnswer)
  const results: SelftestResult[] = []
  for (const wave of [1, 2]) {
    const running: Promise<SelftestResult>[] = []
    const add = (name: string, says: string, checks: () => Promise<Check[]>) => {
      if (name.includes(options.only ?? '')) running.push(timed(name, says, checks, options))
    }
    for (const each of INJECTOR_CASES) if (each.wave === wave) add(each.name, each.says, () => injectorCase(each, files, servers, options.signal))
    if (wave === 2) add(SUBSCRIBER_CASE.name, SUBSCRIBER_CASE.says, () => subscriberChecks(files.subscribers, servers))
    // Also when one cannot be run, the others end their processes first.
    const settled = await Promise.allSettled(running)
    for (const each of settled) {
      if (each.status === 'rejected') throw each.reason
      results.push(each.value)
    }
    options.signal?.throwIfAborted()
  }
  return results
}

async function timed(name: string, says: string, run: () => Promise<Check[]>, options: SelftestOptions): Promise<SelftestResult> {
  const startMs = performance.now()
  const checks = await run()
  const result = { name, says, checks, ok: checks.every(({ ok }) => ok), tookMs: Math.round(performance.now() - startMs) }
  options.onResult?.(result)
  return result
}

async function injectorCase(each: InjectorCase, files: Entries, servers: KnownAnswers, signal?: AbortSignal): Promise<Check[]> {
  await using process = await startControlled(files.injector)
  await using injector = await connectInjector(process.target)
  const startAtMs = Date.now() + LEAD_MS
  const behaviour = each.server(startAtMs)
  const port = behaviour.kind === 'refused' ? await freePort() : await servers.serve(behaviour)
  const plan: LoadPlan = {
    baseUrl: `http://127.0.0.1:${port}`, path: '/api/known', headers: {}, seed: 20_261_121, runTag: 0x5e1f, injector: 3, startAtMs,
    customers: { commuter: 1 }, connections: 64, maxOpen: 10_000, timeoutMs: 10_000, retries: 0,
    ...each.plan,
  }
  const collecting = evidenceOf(plan)
  injector.onSnapshot(collecting.snapshot)
  injector.onLedger(collecting.ledger)
  const stop = () => injector.stop()
  signal?.addEventListener('abort', stop)
  injector.start(plan)
  const { invalid } = await injector.done
  signal?.removeEventListener('abort', stop)
  const evidence = collecting.done(invalid)
  const server = behaviour.kind === 'refused' ? { requests: 0, connections: 0, seen: [] } : await servers.report(port)
  return [...each.judge(evidence, server), ...accountingChecks(evidence, server.seen, each.mayDisbelieve)]
}

/** A port on which nobody listens (any more). */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
