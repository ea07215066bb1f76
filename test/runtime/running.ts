import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'
import { createLocal } from '../../src/runtime/local/local.ts'
import { processesOfRun } from '../../src/runtime/run-mark.ts'
import { runFolder } from '../../src/runtime/run-folder.ts'
import type { RuntimeEvent, System } from '../../src/runtime/runtime.ts'

/** What the live tests of the runtime share. */

export const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lab-test-'))
  folders.push(folder)
  return folder
}

let runs = 0
export const newRunId = (): string => `test-${process.pid}-${(runs += 1)}`

export interface Upping {
  runId: string
  logDir: string
  events: RuntimeEvent[]
  system: Promise<System>
  stop: AbortController
}

export function bringUp(file: string, more: { env?: Record<string, string>; readyWithinMs?: number; apiPort?: number; on?(event: RuntimeEvent, stop: AbortController): void } = {}): Upping {
  const runId = newRunId()
  const events: RuntimeEvent[] = []
  const stop = new AbortController()
  const logDir = temporaryFolder()
  const system = createLocal({ readyWithinMs: more.readyWithinMs ?? 20_000 }).up({
    runId, files: [fixture(file)], env: more.env ?? {}, logDir, signal: stop.signal, apiPort: more.apiPort,
    on(event) {
      events.push(event)
      more.on?.(event, stop)
    },
  })
  return { runId, logDir, events, system, stop }
}

/** Processes and folder of a run, as text: empty when there is nothing left. */
export function remains(runId: string): string[] {
  const folder = runFolder(runId)
  return [...processesOfRun(runId, folder).map(({ pid }) => `process ${pid}`), ...(existsSync(folder) ? [folder] : [])]
}

export async function until(holds: () => boolean, withinMs: number, what: string): Promise<number> {
  const began = performance.now()
  while (!holds()) {
    if (performance.now() - began > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`)
    await sleep(20)
  }
  return performance.now() - began
}
