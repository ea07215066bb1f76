import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { planRun, type RunOptions } from '../../src/experiment/plan.ts'
import type { Interruption } from '../../src/experiment/ending.ts'
import { run } from '../../src/experiment/run.ts'
import { readLedger, type Ledger } from '../../src/measure/ledger-file.ts'
import type { RunEvent } from '../../src/run/events.ts'
import { readRecord, type RunRecord } from '../../src/run/record.ts'
import { local } from '../../src/runtime/local/local.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'

/** A whole run in a folder of its own. */
export interface Ran extends AsyncDisposable {
  record: RunRecord
  ledger: Ledger
  events: RunEvent[]
  exitCode: number
}

/** Runs a scenario for real, in a short form unless told otherwise. */
export async function ran(options: Partial<RunOptions>, signal = new AbortController().signal, onEvent: (event: RunEvent) => void = () => undefined, runtime: Runtime = local): Promise<Ran> {
  const results = await mkdtemp(join(tmpdir(), 'load-lab-test-'))
  const plan = await planRun({ scenario: 'spike', arch: 'v2', duration: '6', rate: '100', set: [], compose: [], subscribers: '3', seed: '1', results, ...options }, runtime, 'lab run (test)')
  const events: RunEvent[] = []
  for await (const event of run(plan, signal)) {
    events.push(event)
    onEvent(event)
  }
  const end = events.at(-1)
  if (end?.type !== 'run-ended') throw new Error(`the run ended with ${end?.type}`)
  const folder = join(results, end.status === 'complete' ? plan.runId : `${plan.runId}.partial`)
  return {
    record: await readRecord(folder),
    ledger: await readLedger(join(folder, 'ledger.bin')).catch(() => ({ sources: [], events: () => 0, fate: () => undefined, counts: () => [0, 0, 0, 0] })),
    events,
    exitCode: end.exitCode,
    [Symbol.asyncDispose]: () => rm(results, { recursive: true, force: true }),
  }
}

export const INTERRUPTED: Interruption = { exitCode: 130 }
