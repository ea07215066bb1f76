import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { composeFiles, knobsOf, loadArchitecture } from '../src/experiment/plan.ts'
import { local } from '../src/runtime/local/local.ts'
import type { System } from '../src/runtime/runtime.ts'
import { envFromKnobs } from '../src/system/knobs.ts'

/** An architecture brought up for a benchmark, on its defaults unless told otherwise. `set`: knobs, as `pool=20`. */
export async function stack(arch: string, env: Record<string, string> = {}, set: readonly string[] = []): Promise<System> {
  const architecture = await loadArchitecture(arch)
  const problems: string[] = []
  const knobs = knobsOf(architecture, set, problems)
  if (problems.length > 0) throw new Error(problems.join('; '))
  const logDir = mkdtempSync(join(tmpdir(), 'load-lab-bench-'))
  const system = await local.up({
    runId: `bench-${arch}-${process.pid}-${Date.now()}`,
    files: composeFiles(architecture, knobs),
    env: { ...envFromKnobs(knobs), ...env },
    logDir,
    signal: new AbortController().signal,
    on(event) {
      if (event.type === 'service-exited' && !event.expected) process.stderr.write(`${event.service} died: ${event.lastLines.join('\n')}\n`)
    },
  })
  const dispose = system[Symbol.asyncDispose].bind(system)
  return Object.assign(system, {
    async [Symbol.asyncDispose]() {
      await dispose()
      rmSync(logDir, { recursive: true, force: true })
    },
  })
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function row(...cells: string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}

export function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
