import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Fates } from '../load/control.ts'
import { LabError } from './errors.ts'
import type { PhaseMeasured, RunEvent, RunStarted, Sample } from './events.ts'
import { SERIES, seriesTag, type Series } from './series.ts'
import { initialState, reduce, type RunState } from './state.ts'
import { readSpans, TRACES_FILE } from './traces.ts'
import { checkVersion } from './version.ts'
import type { Span } from '../system/tracing/span.ts'
import { mergeInto, newHistogram, percentilesMs, type Histogram } from '../measure/histogram.ts'
import { sumHlog } from '../measure/hlog-sums.ts'
import type { Percentiles } from './events.ts'

/** A run as its folder tells it: what every verdict and report is made from. */
export interface RunRecord {
  folder: string
  run: RunStarted
  state: RunState
  /** Every sample, none thinned out. */
  samples: TimedSample[]
  phases: PhaseRecord[]
  injected?: Extract<RunEvent, { type: 'injected' }>
  watched?: Extract<RunEvent, { type: 'watched' }>
  dataBytes?: Record<string, number>
  traced?: Extract<RunEvent, { type: 'traced' }>
  /** Of an observed run. */
  spans?: Span[]
  deaths: Extract<RunEvent, { type: 'service-exited' }>[]
}

/** `atMs`: when it was taken. */
export type TimedSample = Sample & { atMs?: number }

export interface PhaseRecord {
  name: string
  /** Not warm-up. */
  measured: boolean
  /** Open loop: has a schedule. */
  open: boolean
  seconds: number
  beganAtMs: number
  samples: Sample[]
  sums?: PhaseMeasured
  histograms: Partial<Record<Series, Histogram>>
  latencyMs?: Percentiles
  serviceMs?: Percentiles
  readLatencyMs?: Percentiles
  sendLagMs?: Percentiles
  loopDelayMs?: Percentiles
}

/** Reads a run's folder back. Throws {@link LabError} (exit code 2) where there is none or it is damaged. */
export async function readRecord(folder: string): Promise<RunRecord> {
  const path = join(folder, 'events.ndjson')
  if (!existsSync(path)) throw new LabError(2, `${folder} is not a run's folder: it has no events.ndjson`, 'lab list runs shows what there is')
  let state = initialState
  const samples: TimedSample[] = []
  const sums: PhaseMeasured[] = []
  const deaths: RunRecord['deaths'] = []
  const rest: Pick<RunRecord, 'injected' | 'watched' | 'dataBytes' | 'traced'> = {}
  let line = 0
  for await (const event of readEvents(path)) {
    line += 1
    // The state would copy its list of samples with every one: here they are kept once.
    if (event?.type === 'sample') {
      samples.push(event)
      state = { ...state, last: event, lastEventAtMs: event.atMs }
      continue
    }
    state = reduced(state, event, `${path}, line ${line}`)
    if (event.type === 'phase-measured') sums.push(event)
    else if (event.type === 'injected') rest.injected = event
    else if (event.type === 'watched') rest.watched = event
    else if (event.type === 'data-measured') rest.dataBytes = event.bytes
    else if (event.type === 'traced') rest.traced = event
    else if (event.type === 'service-exited' && !event.expected) deaths.push(event)
  }
  const { run } = state
  if (run === undefined) throw new LabError(2, `${path} does not begin with a run-started event`, 'the folder is damaged, or was written by another version')
  checkVersion(path, run.schemaVersion)
  state = { ...state, samples }
  const histograms = await readHistograms(join(folder, 'latency.hlog'))
  const spans = run.observe && (await readSpans(join(folder, TRACES_FILE)))
  return { folder, run, state, samples, deaths, ...rest, spans, phases: phaseRecords(run, state, samples, sums, histograms) }
}

function reduced(state: RunState, event: RunEvent, where: string): RunState {
  try {
    return reduce(state, event)
  } catch (error) {
    throw new LabError(2, `${where} is no event of a run: ${(error as Error).message}`, 'the folder is damaged')
  }
}

/** The events of a run in order; a last line that was cut off is left out. */
export async function* readEvents(path: string): AsyncGenerator<RunEvent> {
  const file = await open(path)
  let number = 0
  let broken: string | undefined
  for await (const line of file.readLines()) {
    number += 1
    if (broken !== undefined) throw new LabError(2, `${path}, line ${number - 1} is not JSON: ${broken}`, 'the folder is damaged')
    try {
      yield JSON.parse(line) as RunEvent
    } catch (error) {
      broken = (error as Error).message
    }
  }
}

function phaseRecords(run: RunStarted, state: RunState, samples: Sample[], sums: PhaseMeasured[], histograms: Map<string, Histogram>): PhaseRecord[] {
  return state.phases.map((seen) => {
    const planned = run.scenario.phases.find((phase) => phase.name === seen.name)
    if (planned === undefined) throw new LabError(2, `${run.runId} has a phase ${JSON.stringify(seen.name)}, which its scenario does not have`, 'the folder is damaged')
    const endedAtMs = seen.endedAtMs ?? state.lastEventAtMs
    const mine: PhaseRecord['histograms'] = {}
    for (const series of SERIES) {
      const histogram = histograms.get(seriesTag(seen.name, series))
      if (histogram !== undefined) mine[series] = histogram
    }
    return {
      name: seen.name,
      measured: !planned.warmup,
      open: planned.shape.kind !== 'saturation',
      seconds: Math.max(0.001, (endedAtMs - seen.beganAtMs) / 1_000),
      beganAtMs: seen.beganAtMs,
      samples: samples.filter((sample) => sample.phase === seen.name),
      sums: sums.find((sum) => sum.phase === seen.name),
      histograms: mine,
      latencyMs: mine.latency && percentilesMs(mine.latency),
      serviceMs: mine.service && percentilesMs(mine.service),
      readLatencyMs: mine.readLatency && percentilesMs(mine.readLatency),
      sendLagMs: mine.sendLag && percentilesMs(mine.sendLag),
      loopDelayMs: mine.loopDelay && percentilesMs(mine.loopDelay),
    }
  })
}

async function readHistograms(path: string): Promise<Map<string, Histogram>> {
  if (!existsSync(path)) return new Map()
  await using log = await open(path)
  try {
    return await sumHlog(log.readLines())
  } catch (error) {
    throw new LabError(2, `${path} cannot be read: ${(error as Error).message}`, 'the folder is damaged')
  }
}

/** Events that did not come to a good end. */
export function failures({ rejected, unknown, neverSent }: Pick<Fates, 'rejected' | 'unknown' | 'neverSent'>): number {
  return rejected + unknown + neverSent
}

/** One histogram over several phases. Percentiles are never averaged. */
export function mergeSeries(phases: readonly PhaseRecord[], series: Series): Histogram | undefined {
  const parts = phases.map((phase) => phase.histograms[series]).filter((histogram) => histogram !== undefined)
  if (parts.length === 0) return undefined
  const merged = newHistogram()
  for (const part of parts) mergeInto(merged, part)
  return merged
}

/** Largest latency of what was answered between two moments, ms since the epoch; known to the second. */
export function slowestMs(samples: readonly TimedSample[], fromMs: number, toMs: number): number {
  let slowest = 0
  for (const { atMs, latency } of samples) {
    if (atMs === undefined || latency === undefined || atMs < fromMs || atMs - 1_500 > toMs) continue
    slowest = Math.max(slowest, latency.max)
  }
  return slowest
}
