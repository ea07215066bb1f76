import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { planRun, type RunOptions } from '../src/experiment/plan.ts'
import { run } from '../src/experiment/run.ts'
import { summarise, type Summary } from '../src/reports/summarise.ts'
import { readRecord, type RunRecord } from '../src/run/record.ts'
import { local } from '../src/runtime/local/local.ts'
import type { Runtime, System } from '../src/runtime/runtime.ts'
import type { Scenario } from '../src/scenarios/scenario.ts'

/** One whole run as a measurement. */
export interface Measured {
  summary: Summary
  record: RunRecord
}

/**
 * Runs a scenario of the lab, or one of the benchmark's own, in a fresh system. Throws when the run did not come to its end.
 * @param beforeDown what else to look at in the system when the run is done with it
 * @param on what it runs on
 */
export async function labRun(
  arch: string, set: readonly string[], scenario: Scenario | string, options: Partial<RunOptions> = {}, beforeDown?: (system: System) => Promise<void>, on: Runtime = local,
): Promise<Measured> {
  const results = await mkdtemp(join(tmpdir(), 'load-lab-bench-'))
  try {
    const named = typeof scenario === 'string' ? scenario : 'baseline'
    const runtime = beforeDown ? lookedAt(beforeDown, on) : on
    const planned = await planRun({ scenario: named, arch, set: [...set], compose: [], results, ...options }, runtime, 'lab run (benchmark)')
    const plan = typeof scenario === 'string' ? planned : { ...planned, baseRate: scenario.baseRate, scenario: { ...scenario, faults: planned.scenario.faults } }
    for await (const event of run(plan, new AbortController().signal)) {
      if (event.type === 'run-ended' && event.status !== 'complete') throw new Error(`${arch} ${set.join(' ')}: the run ${event.status}: ${event.why ?? ''}`)
    }
    const record = await readRecord(join(results, plan.runId))
    return { record, summary: summarise(record) }
  } finally {
    await rm(results, { recursive: true, force: true })
  }
}

function lookedAt(beforeDown: (system: System) => Promise<void>, on: Runtime): Runtime {
  return {
    ...on,
    async up(request) {
      const system = await on.up(request)
      const down = system[Symbol.asyncDispose].bind(system)
      return Object.assign(system, {
        async [Symbol.asyncDispose]() {
          try {
            await beforeDown(system)
          } finally {
            await down()
          }
        },
      })
    },
  }
}

/** Accepted per second in a phase. */
export function acceptedIn(phase: string): (measured: Measured) => number | undefined {
  return ({ summary }) => summary.phases.find(({ name }) => name === phase)?.acceptedPerSecond
}

/** In a new order every time, so that what drifts on the machine meets all alike. */
export function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
