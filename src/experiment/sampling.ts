import { setTimeout as sleep } from 'node:timers/promises'
import { mergeInto, newHistogram, percentilesMs, type HlogInterval, type Histogram } from '../measure/histogram.ts'
import type { MachineMeter } from '../measure/machine.ts'
import type { System, Usage } from '../runtime/runtime.ts'
import type { Judge } from '../system/architecture.ts'
import type { Percentiles, Sample } from '../run/events.ts'
import { SERIES, seriesTag } from '../run/series.ts'
import { scraping } from './scraping.ts'
import { type Gathering, type Second } from './second.ts'

/** What a sample is made of, beside the gathering. */
export interface SamplingSources {
  system: System
  judge: Judge
  gathering: Gathering
  meter: MachineMeter
  /** Phase of the plan at a moment, by index and name. */
  phaseAt(atMs: number): string | undefined
  phaseNames: readonly string[]
  loadStartAtMs: number
  logInterval(interval: HlogInterval): void
  /** When the cumulative count of sent events reached `count`, ms since the epoch. */
  sentAtMs(count: number): number | undefined
}

/** A database that does not answer leaves a gap in the picture, and never holds it up. */
const ASK_TIMEOUT_MS = 900

/** Calls back once a second until the signal is aborted, and once more at the end for what is left. */
export async function sampleEverySecond(sources: SamplingSources, signal: AbortSignal, onSample: (sample: Sample) => void): Promise<void> {
  const take = sampler(sources)
  let dueMs = Date.now()
  while (!signal.aborted) {
    dueMs = Math.max(dueMs + 1_000, Date.now())
    await sleep(Math.max(0, dueMs - Date.now()), undefined, { signal }).catch(() => undefined)
    onSample(await take())
  }
}

function sampler(sources: SamplingSources): () => Promise<Sample> {
  let previous: { atMs: number; sample?: Sample; usage: Map<string, number>; labCpu: number; messages: number } = {
    atMs: Date.now(),
    usage: new Map(),
    labCpu: process.cpuUsage().user + process.cpuUsage().system,
    messages: 0,
  }
  const scrape = scraping(sources.system)
  return async () => {
    const [usage, metrics, backlog, stored] = await Promise.all([
      sources.system.usage().catch(() => []),
      scrape(),
      answerInTime(sources.judge.backlog()),
      answerInTime(sources.judge.stored()),
    ])
    const atMs = Date.now()
    const seconds = Math.max(0.001, (atMs - previous.atMs) / 1_000)
    const second = sources.gathering.takeSecond()
    const phase = sources.phaseAt(atMs - 500)
    logHistograms(sources, second, previous.atMs, atMs)
    const labCpu = process.cpuUsage().user + process.cpuUsage().system
    const sample = compose(second, { atMs, seconds, phase, backlog, stored, sources, previous: previous.sample, previousMessages: previous.messages })
    sample.services = servicesUsage(usage, previous.usage, seconds)
    if (Object.keys(metrics).length > 0) sample.metrics = metrics
    sample.lab = { cpu: (labCpu - previous.labCpu) / 1e6 / seconds, rssBytes: process.memoryUsage.rss() }
    sample.machine = sources.meter.read()
    previous = { atMs, sample, usage: cpuByReplica(usage), labCpu, messages: second.subscribers?.messages ?? previous.messages }
    return sample
  }
}

interface Composing {
  atMs: number
  seconds: number
  phase: string | undefined
  backlog: number | undefined
  stored: number | undefined
  sources: SamplingSources
  previous: Sample | undefined
  previousMessages: number
}

const NO_COUNTS = { scheduled: 0, sent: 0, ok: 0, rejected: 0, unknown: 0, neverSent: 0, inFlight: 0 }

function compose(second: Second, at: Composing): Sample {
  const events = second.injector?.events ?? NO_COUNTS
  const reads = second.injector?.reads ?? NO_COUNTS
  const before = at.previous?.counts ?? { events: NO_COUNTS, reads: NO_COUNTS }
  const rate = (now: number, then: number) => (now - then) / at.seconds
  const latency = mergedOver(second, 'latency')
  const sendLag = mergedOver(second, 'sendLag')
  return {
    type: 'sample',
    second: Math.round((at.atMs - at.sources.loadStartAtMs) / 1_000),
    phase: at.phase,
    rates: {
      offered: rate(events.scheduled, before.events.scheduled),
      sent: rate(events.sent, before.events.sent),
      accepted: rate(events.ok, before.events.ok),
      persisted: at.stored === undefined || at.previous?.stored === undefined ? undefined : rate(at.stored, at.previous.stored),
      reads: rate(reads.ok, before.reads.ok),
    },
    counts: { events, reads },
    latency: percentilesOf(latency),
    readLatency: percentilesOf(mergedOver(second, 'readLatency')),
    errors: second.injector?.errors ?? {},
    stored: at.stored,
    backlog: at.backlog,
    freshnessMs: freshness(second, at.sources),
    subscribers: second.subscribers && {
      connected: second.subscribers.connected,
      messagesPerSecond: rate(second.subscribers.messages, at.previousMessages),
      lowest: second.subscribers.lowest,
      highest: second.subscribers.highest,
      cpuShare: second.subscribers.cpuShare,
      loopDelayP99Ms: second.subscribers.loopDelayP99Ms,
    },
    seen: second.seen,
    injector: second.injector && {
      cpuShare: second.injectorCpu,
      loopDelayP99Ms: second.injectorLoopDelayMs,
      sendLagP99Ms: percentilesOf(sendLag)?.p99 ?? 0,
      rssBytes: second.injector.rssBytes,
      connections: second.injector.connections.open,
    },
    services: {},
    lab: { cpu: 0, rssBytes: 0 },
    machine: { cpuBusy: 0, stealShare: 0, load1: 0 },
  }
}

/** Age of the newest event that the last received count includes, at the moment it was received. */
function freshness(second: Second, sources: SamplingSources): number | undefined {
  const last = second.seen.at(-1)
  const sentAtMs = last === undefined ? undefined : sources.sentAtMs(last[1])
  return last === undefined || sentAtMs === undefined ? undefined : Math.max(0, last[0] - sentAtMs)
}

function mergedOver(second: Second, series: (typeof SERIES)[number]): Histogram | undefined {
  const parts = [...second.histograms.values()].map((byName) => byName[series]).filter((histogram) => histogram !== undefined)
  if (parts.length <= 1) return parts[0]
  const merged = newHistogram()
  for (const part of parts) mergeInto(merged, part)
  return merged
}

function percentilesOf(histogram: Histogram | undefined): Percentiles | undefined {
  return histogram === undefined || histogram.totalCount === 0 ? undefined : percentilesMs(histogram)
}

function logHistograms(sources: SamplingSources, second: Second, fromMs: number, toMs: number): void {
  for (const [index, byName] of second.histograms) {
    const phase = sources.phaseNames[index]
    if (phase === undefined) continue
    for (const series of SERIES) {
      const histogram = byName[series]
      if (histogram !== undefined) sources.logInterval({ tag: seriesTag(phase, series), fromMs, toMs, histogram })
    }
  }
}

export function servicesUsage(usage: readonly Usage[], before: Map<string, number>, seconds: number): Sample['services'] {
  const result: Sample['services'] = {}
  for (const replica of usage) {
    const service = (result[replica.service] ??= { cpu: 0, rssBytes: 0, replicas: 0 })
    const then = before.get(`${replica.service}.${replica.replica}`)
    // A restarted replica counts from zero again.
    if (then !== undefined) service.cpu += Math.max(0, replica.cpuSeconds - then) / seconds
    service.rssBytes += replica.rssBytes
    service.replicas += 1
  }
  return result
}

export function cpuByReplica(usage: readonly Usage[]): Map<string, number> {
  return new Map(usage.map((replica) => [`${replica.service}.${replica.replica}`, replica.cpuSeconds]))
}

export async function answerInTime(question: Promise<number>): Promise<number | undefined> {
  const late = new AbortController()
  try {
    return await Promise.race([question, sleep(ASK_TIMEOUT_MS, undefined, { signal: late.signal })])
  } catch {
    return undefined
  } finally {
    late.abort()
    question.catch(() => undefined)
  }
}
