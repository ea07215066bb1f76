import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { metricsNow } from '../reports/openmetrics.ts'
import type { Sample } from '../run/events.ts'
import type { RunFolder } from '../run/folder.ts'
import { MAX_SPANS_KEPT, TRACES_FILE } from '../run/traces.ts'
import type { System } from '../runtime/runtime.ts'
import type { StoredOrder } from '../system/event.ts'
import { DROPPED_HEADER } from '../system/tracing/collector.ts'
import { rootSpanIdOf, samplingOf, traceIdOf } from '../system/tracing/sampling.ts'
import type { Span } from '../system/tracing/span.ts'
import type { Emit } from './emit.ts'
import { lokiShipper, type LogLine } from './loki.ts'

/** What is kept of an observed run, and told to whoever watches beside the lab. */
export interface Observer extends AsyncDisposable {
  sampled(sample: Sample): void
  /** Passes rows on; where Flink stores, they tell when, as no process of ours does. */
  stored(rows: AsyncIterable<StoredOrder[]>): AsyncIterable<StoredOrder[]>
  /** Fetches what is left, and tells how much there was. */
  finish(): Promise<void>
}

const EVERY_MS = 1_000
const ANSWER_WITHIN_MS = 2_000
/** Services send twice a second. */
const LAST_SPANS_AFTER_MS = 1_200

export interface Observing {
  system: System
  folder: Pick<RunFolder, 'stream'>
  emit: Emit
  runId: string
  oneIn: number
  cores: number
  /** What services print; drained by the observer. */
  lines: LogLine[]
}

export function startObserver({ system, folder, emit, runId, oneIn, cores, lines }: Observing): Observer {
  const collector = `http://${system.env.OTLP_HOST}:${system.env.OTLP_PORT}`
  const file = folder.stream(TRACES_FILE)
  const throughFlink = system.services.some(({ service }) => service === 'taskmanager')
  const sampling = samplingOf(1 / oneIn)
  const loki = system.env.LOKI_PORT === undefined ? undefined : lokiShipper(`http://${system.env.LOKI_HOST}:${system.env.LOKI_PORT}`, runId)
  const over = new AbortController()
  let kept = 0
  let notKept = 0
  let dropped = 0
  let telling: Promise<unknown> = Promise.resolve()

  function keep(texts: readonly string[]): void {
    const room = Math.max(0, MAX_SPANS_KEPT - kept)
    if (room > 0 && texts.length > 0) file.write(`${texts.slice(0, room).join('\n')}\n`)
    kept += Math.min(room, texts.length)
    notKept += Math.max(0, texts.length - room)
  }

  async function fetchSpans(): Promise<void> {
    const reply = await fetch(`${collector}/spans`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
    dropped = Number(reply.headers.get(DROPPED_HEADER) ?? dropped)
    keep((await reply.text()).split('\n').filter((line) => line !== ''))
  }

  async function look(): Promise<void> {
    while (!over.signal.aborted) {
      // A collector that is busy is asked again: it keeps what it has.
      await fetchSpans().catch(() => undefined)
      if (loki === undefined) lines.length = 0
      else await loki.ship(lines)
      await sleep(EVERY_MS, undefined, { signal: over.signal }).catch(() => undefined)
    }
  }

  const put = (path: string, body: string) => fetch(`${collector}${path}`, { method: 'PUT', body, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }).then((reply) => reply.arrayBuffer())
  const looking = look()
  let ended: Promise<void> | undefined

  async function finish(): Promise<void> {
    over.abort()
    await looking
    await sleep(LAST_SPANS_AFTER_MS)
    await fetchSpans().catch(() => undefined)
    await loki?.ship(lines)
    await telling
    file.end()
    await finished(file).catch(() => undefined)
    emit({ type: 'traced', spans: kept, dropped: dropped + notKept })
  }

  return {
    sampled(sample) {
      telling = Promise.all([put('/run-metrics', metricsNow(sample, runId, cores)), put('/targets', JSON.stringify(targetsOf(system)))]).catch(() => undefined)
    },
    stored: (rows) => (throughFlink ? tapped(rows, (order) => sampling.has(order.id) && keep([JSON.stringify(flinkSpan(order))])) : rows),
    finish: () => (ended ??= finish()),
    [Symbol.asyncDispose]: async () => {
      over.abort()
      await (ended ?? looking)
      file.end()
    },
  }
}

/** In the form of Prometheus' HTTP service discovery. */
function targetsOf({ services }: System): { targets: string[]; labels: Record<string, string> }[] {
  return services.flatMap(({ service, replica, metricsUrl }) =>
    metricsUrl === undefined || service === 'collector' ? [] : [{ targets: [new URL(metricsUrl).host], labels: { service, replica: String(replica) } }])
}

/** When the database wrote the row: all that can be known from outside. */
function flinkSpan({ id, persistedAtMs }: StoredOrder): Span {
  const traceId = traceIdOf(id)
  return { traceId, spanId: rootSpanIdOf(id).split('').reverse().join(''), parentSpanId: rootSpanIdOf(id), name: 'flink', kind: 'internal', service: 'flink', fromMs: persistedAtMs, toMs: persistedAtMs }
}

async function* tapped(rows: AsyncIterable<StoredOrder[]>, tell: (order: StoredOrder) => void): AsyncGenerator<StoredOrder[]> {
  for await (const batch of rows) {
    batch.forEach(tell)
    yield batch
  }
}
