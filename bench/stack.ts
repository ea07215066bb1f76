import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { composeFiles } from '../src/experiment/plan.ts'
import { local } from '../src/runtime/local/local.ts'
import type { System } from '../src/runtime/runtime.ts'

/** An architecture brought up for a benchmark, on its defaults unless told otherwise. */
export async function stack(arch: string, env: Record<string, string> = {}): Promise<System> {
  const logDir = mkdtempSync(join(tmpdir(), 'load-lab-bench-'))
  const system = await local.up({
    runId: `bench-${arch}-${process.pid}-${Date.now()}`,
    files: composeFiles(arch),
    env,
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
