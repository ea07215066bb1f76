import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readHlog, hlogWriter } from '../../src/measure/histogram.ts'
import type { RunEvent, RunStarted, Sample } from '../../src/run/events.ts'

type Timed<T> = T & { atMs: number }

/**
 * A long run made of a short one: every second of its load is played so often, one after the other, that the load lasts as long as it
 * should; what came before and after stays as it was. Numbers differ a little from repetition to repetition, as they do in life.
 */
export function stretched(from: string, into: string, seconds: number): void {
  const events = readFileSync(join(from, 'events.ndjson'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as RunEvent)
  const started = events.find((event) => event.type === 'run-started') as Timed<RunStarted>
  const startMs = (events.find((event) => event.type === 'load-planned') as { startAtMs: number }).startAtMs
  const endMs = Math.max(...events.flatMap((event) => (event.type === 'phase-ended' ? [event.atMs] : [])))
  const times = Math.ceil(seconds / ((endMs - startMs) / 1_000))
  const later = (atMs: number) => (atMs <= startMs ? atMs : atMs >= endMs ? atMs + (times - 1) * (endMs - startMs) : startMs + (atMs - startMs) * times)
  const scenario = { ...started.scenario, phases: started.scenario.phases.map((phase) => ({ ...phase, seconds: phase.seconds * times })) }
  const long = events.flatMap((event): RunEvent[] => {
    if (event.type === 'run-started') return [{ ...event, scenario }]
    if (event.type === 'sample' && event.second > 0 && event.atMs < endMs) return Array.from({ length: times }, (_, i) => repeated(event, later(event.atMs) + i * 1_000, startMs, i))
    return [{ ...event, atMs: later(event.atMs) }]
  })
  mkdirSync(join(into, 'logs'), { recursive: true })
  writeFileSync(join(into, 'events.ndjson'), long.map((event) => `${JSON.stringify(event)}\n`).join(''))
  writeFileSync(join(into, 'run.json'), JSON.stringify({ ...(JSON.parse(readFileSync(join(from, 'run.json'), 'utf8')) as object), scenario }))
  const lines: string[] = []
  const write = hlogWriter((text) => lines.push(text), startMs)
  for (const interval of readHlog(readFileSync(join(from, 'latency.hlog'), 'utf8'))) {
    for (let i = 0; i < times; i++) write({ ...interval, fromMs: later(interval.fromMs) + i * 1_000, toMs: later(interval.fromMs) + (i + 1) * 1_000 })
  }
  writeFileSync(join(into, 'latency.hlog'), lines.join(''))
}

function repeated(sample: Timed<Sample>, atMs: number, startMs: number, i: number): RunEvent {
  const wobble = 1 + 0.1 * Math.sin(i + sample.second)
  const rates = Object.fromEntries(Object.entries(sample.rates).map(([name, rate]) => [name, rate === undefined ? undefined : rate * wobble])) as Sample['rates']
  const metrics = sample.metrics && Object.fromEntries(Object.entries(sample.metrics).map(([name, value]) => [name, value * wobble]))
  const latency = sample.latency && { ...sample.latency, p50: sample.latency.p50 * wobble, p99: sample.latency.p99 * wobble }
  return { ...sample, atMs, second: Math.round((atMs - startMs) / 1_000), rates, metrics, latency }
}
