import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { composeFiles } from '../../src/experiment/plan.ts'
import { local } from '../../src/runtime/local/local.ts'
import type { RuntimeEvent, System } from '../../src/runtime/runtime.ts'
import type { Architecture, Judge } from '../../src/system/architecture.ts'
import { loadArchitecture, type ArchitectureId } from '../../src/system/architectures/index.ts'
import { createContext } from '../../src/system/context.ts'
import type { Dashboard } from '../../src/system/dashboard.ts'
import type { StoredOrder } from '../../src/system/event.ts'
import { envFromKnobs, parseKnobs, type Knobs } from '../../src/system/knobs.ts'

/** One architecture, running for a test, and its judge. */
export interface Stack extends AsyncDisposable {
  architecture: Architecture
  /** Those it runs with. */
  knobs: Knobs
  system: System
  judge: Judge
  url: string
  /** Of whoever the tests are: its orders; who sees everything. */
  headers: { orders: Record<string, string>; reads: Record<string, string> }
  /** To whom its orders belong, where they belong to somebody. */
  owner: string | undefined
  events: (RuntimeEvent & { atMs: number })[]
  /** A folder of the test's own. */
  folder: string
}

let started = 0

export async function startStack(id: ArchitectureId, options: { knobs?: Record<string, string>; env?: (folder: string) => Record<string, string> } = {}): Promise<Stack> {
  const architecture = await loadArchitecture(id)
  const parsed = parseKnobs(architecture, options.knobs ?? {})
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  const folder = mkdtempSync(join(tmpdir(), 'contract-'))
  const stop = new AbortController()
  const events: Stack['events'] = []
  const system = await local.up({
    runId: `contract-${process.pid}-${++started}`,
    files: composeFiles(architecture, parsed.knobs),
    env: { ...envFromKnobs(parsed.knobs), ...options.env?.(folder) },
    logDir: join(folder, 'logs'),
    signal: stop.signal,
    on: (event) => void events.push({ ...event, atMs: Date.now() }),
  })
  const context = createContext({ env: system.env, knobs: parsed.knobs, signal: stop.signal })
  const judge = await architecture.judge(context)
  const [caller] = (await architecture.callers?.(context)) ?? []
  const reads = (await architecture.onlooker?.(context)) ?? caller?.readHeaders ?? caller?.headers ?? {}
  return {
    architecture, knobs: parsed.knobs, system, judge, url: system.apiUrl, events, folder,
    headers: { orders: caller?.headers ?? {}, reads }, owner: caller?.owner,
    async [Symbol.asyncDispose]() {
      await judge[Symbol.asyncDispose]()
      await system[Symbol.asyncDispose]()
      stop.abort()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export async function storedOrders(judge: Judge): Promise<StoredOrder[]> {
  const all: StoredOrder[] = []
  for await (const batch of judge.persisted()) all.push(...batch)
  return all
}

/** Waits until nothing is on its way any more and the dashboard shows all that is stored. */
export async function drained(judge: Judge, withinMs = 30_000): Promise<Dashboard> {
  const untilMs = performance.now() + withinMs
  for (;;) {
    // First: what was on its way when the others were read would count for nothing.
    const backlog = await judge.backlog()
    const [stored, dashboard] = await Promise.all([judge.stored(), judge.dashboard()])
    if (backlog === 0 && stored === dashboard.count) return dashboard
    if (performance.now() > untilMs) throw new Error(`not drained within ${withinMs} ms: backlog ${backlog}, stored ${stored}, shown ${dashboard.count}`)
    await sleep(50)
  }
}
