import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hlogWriter, newHistogram, recordUs } from '../../src/measure/histogram.ts'
import { hash32 } from '../../src/load/customers.ts'
import type { RunEvent, RunStarted } from '../../src/run/events.ts'
import type { RunFile } from '../../src/run/folder.ts'
import { seriesTag } from '../../src/run/series.ts'
import { baseline } from '../../src/scenarios/baseline.ts'
import type { Scenario } from '../../src/scenarios/scenario.ts'
import type { ValidityFinding } from '../../src/reports/validity.ts'
import { EXACT, NO_COUNTS, sampleAt, STARTED } from './records.ts'

/** Folders of runs as a lab leaves them, made up: two phases, a constant one and a saturation, and then a second of settling. */
export interface Made {
  runId: string
  /** Accepted per second of the saturation. */
  saturation?: number
  /** CPU of the worker in cores at 100 events/s. */
  workerCpu?: number
  latencyUs?: number
  started?: Partial<RunStarted>
  runFile?: Partial<RunFile>
  verdict?: { outcome: 'passed' | 'failed' | 'invalid'; exitCode: number; reasons: string[]; validity?: ValidityFinding[] }
  seconds?: number
}

const START_MS = 1_795_000_000_000

export function resultsFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'load-lab-test-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export function madeScenario(seconds = 10): Scenario {
  return { ...baseline, phases: [{ ...baseline.phases[1]!, seconds }, { ...baseline.phases[2]!, seconds }] }
}

export function makeRun(results: string, { runId, saturation = 1_000, workerCpu = 0.2, latencyUs = 2_000, started, runFile, verdict, seconds = 10 }: Made): string {
  const folder = join(results, runId)
  mkdirSync(join(folder, 'logs'), { recursive: true })
  const run: RunStarted = { ...STARTED, runId, scenario: madeScenario(seconds), ...started }
  const events = eventsOf(run, { saturation, workerCpu, latencyUs, seconds, verdict: verdict ?? { outcome: 'passed', exitCode: 0, reasons: [] } })
  writeFileSync(join(folder, 'events.ndjson'), events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  writeFileSync(join(folder, 'latency.hlog'), hlogOf(seconds, latencyUs))
  const file: RunFile = { ...run, status: 'complete', lab: { pid: 1, startTime: 1 }, startedAt: new Date(START_MS).toISOString(), exitCode: 0, ...runFile }
  writeFileSync(join(folder, 'run.json'), JSON.stringify(file))
  return folder
}

function eventsOf(run: RunStarted, { saturation, workerCpu, latencyUs, seconds, verdict }: { saturation: number; workerCpu: number; latencyUs: number; seconds: number; verdict: NonNullable<Made['verdict']> }): RunEvent[] {
  const at = (second: number) => START_MS + second * 1_000
  const samples = Array.from({ length: 2 * seconds + 1 }, (_, i): RunEvent => {
    const second = i + 1
    const rate = second <= seconds ? 100 : saturation
    const stored = Math.min(second, seconds) * 100 + Math.max(0, Math.min(second, 2 * seconds) - seconds) * saturation
    const services = { worker: { cpu: (workerCpu * (second > 2 * seconds ? 0 : rate)) / 100, rssBytes: 1e8, replicas: 1 }, api: { cpu: (0.3 * (second > 2 * seconds ? 0 : rate)) / 100, rssBytes: 1e8, replicas: 1 } }
    const counts = { events: { ...NO_COUNTS, scheduled: stored, sent: stored, ok: stored }, reads: NO_COUNTS }
    return { atMs: at(second), ...sampleAt(second, { phase: second <= seconds ? 'constant' : 'saturation', stored, services, counts, latency: { p50: latencyUs / 1e3, p95: latencyUs / 500, p99: latencyUs / 400, max: latencyUs / 300, count: rate }, rates: { offered: rate, sent: rate, accepted: rate, persisted: rate, reads: 0 } }) }
  })
  const phases = ['constant', 'saturation'].flatMap((phase, index): RunEvent[] => [
    { atMs: at(index * seconds), type: 'phase-began', phase, index },
    { atMs: at((index + 1) * seconds), type: 'phase-ended', phase, index },
  ])
  const measured = ['constant', 'saturation'].map((phase, index): RunEvent => {
    const ok = (index === 0 ? 100 : saturation) * seconds
    return { atMs: at(2 * seconds), type: 'phase-measured', phase, index, events: { scheduled: ok, ok, rejected: 0, unknown: 0, neverSent: 0 }, sends: ok, serviceSumUs: ok * 2_000, serviceCount: ok, inFlightSum: 10, inFlightSamples: 10 }
  })
  const first: RunEvent[] = [{ atMs: START_MS - 10, ...run }, { atMs: START_MS - 5, type: 'load-planned', startAtMs: START_MS }]
  const last: RunEvent[] = [
    { atMs: at(2 * seconds), type: 'settled', tookMs: 500, backlog: 0, drained: true },
    { atMs: at(2 * seconds), type: 'data-measured', bytes: { postgres: 1e7 } },
    { atMs: at(2 * seconds), type: 'accounted', accounting: { ...EXACT, freshnessMs: { p50: 100, p95: 150, p99: 200, max: 300, count: 100 } } },
    { atMs: at(2 * seconds), type: 'judged', verdict: { validity: [], ...verdict, expectations: [] } },
    { atMs: at(2 * seconds), type: 'run-ended', status: 'complete', exitCode: verdict.exitCode },
  ]
  return [...first, ...[...phases, ...samples].sort((a, b) => a.atMs - b.atMs), ...measured, ...last]
}

/** A hundred requests a second, most of them near `latencyUs`, the slowest three times that. */
function hlogOf(seconds: number, latencyUs: number): string {
  let text = ''
  const write = hlogWriter((line) => (text += line), START_MS)
  for (let second = 0; second < 2 * seconds; second++) {
    const histogram = newHistogram()
    for (let i = 0; i < 200; i++) recordUs(histogram, latencyUs * (1 + 2 * (hash32(second, i) / 2 ** 32) ** 8))
    write({ tag: seriesTag(second < seconds ? 'constant' : 'saturation', 'latency'), fromMs: START_MS + second * 1_000, toMs: START_MS + (second + 1) * 1_000, histogram })
  }
  return text
}
