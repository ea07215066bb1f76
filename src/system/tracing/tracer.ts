import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Order } from '../event.ts'
import { decodeId, RECORD_BYTES } from '../record.ts'
import { createExporter, type Exporter } from './exporter.ts'
import { readTraceparent, rootSpanIdOf, samplingOf, traceIdOf, type Sampling } from './sampling.ts'
import type { TracingSettings } from './settings.ts'
import { SHARED, VERSION, type EventStage, type Span, type SpanContext } from './span.ts'

/** Events that came out of the broker together. */
export interface Taken {
  /** Their records, one after the other, or their ids. */
  events: Buffer | readonly string[]
  /** When they were handed to the broker, as far as the broker tells; ms since the epoch, as all here. */
  enqueuedMs?: number
  /** When they were taken out of it. */
  readMs: number
}

/** Tells of the stages of those events that are sampled. Where a process does not trace there is none, and nothing is paid for it. */
export interface Tracer extends AsyncDisposable {
  readonly sampling: Sampling
  /** ms since the epoch, with fractions, never going back. */
  nowMs(): number
  /** A request with orders has begun. */
  arrived(traceparent: string | undefined): RequestTrace
  /** Events were stored together and are committed now; each has a link to a span of all of them. `count`: of all, where not all are told. */
  stored(batch: readonly Taken[], beganMs: number, count?: number): void
  /** Something was done for many events at once: the dashboard was written, or sent. `version`: of it. */
  shared(name: (typeof SHARED)['project' | 'push'], fromMs: number, version: number): void
}

/** One request, on its way through the API. */
export interface RequestTrace {
  /** Its body is there, and it may be sent. */
  readBody(): void
  /** Its orders are checked; called once, before they are published. */
  validated(orders: readonly Pick<Order, 'id'>[]): void
  /** It was answered. */
  ended(ok: boolean): void
}

export function createTracer({ url, service, ratio }: TracingSettings, log: (line: string) => void, exporter: Exporter = createExporter(url, service, `${hostname()}-${process.pid}`, log)): Tracer {
  const sampling = samplingOf(ratio)
  const nowMs = (): number => performance.timeOrigin + performance.now()
  const add = (span: Omit<Span, 'service'>): void => exporter.add(span)

  function stage(id: string, name: EventStage, fromMs: number, toMs: number, extra: Partial<Span> = {}): void {
    add({ traceId: traceIdOf(id), spanId: newSpanId(), parentSpanId: rootSpanIdOf(id), name, kind: 'internal', fromMs, toMs, ...extra })
  }

  function answered(ids: readonly string[], caller: ReturnType<typeof readTraceparent>, at: { receivedMs: number; bodyMs: number; validMs: number }, ok: boolean): void {
    const endMs = nowMs()
    const failed = ok ? {} : { failed: true }
    for (const id of ids) {
      const links = caller && [{ traceId: caller.traceId, spanId: caller.spanId }]
      add({ traceId: traceIdOf(id), spanId: rootSpanIdOf(id), name: 'order', kind: 'server', fromMs: at.receivedMs, toMs: endMs, ...failed, links, attributes: { 'lab.events': ids.length } })
      stage(id, 'receive', at.receivedMs, at.bodyMs)
      stage(id, 'validate', at.bodyMs, at.validMs)
      stage(id, 'publish', at.validMs, endMs, { kind: 'producer', ...failed })
    }
  }

  return {
    sampling,
    nowMs,
    arrived(traceparent) {
      const caller = readTraceparent(traceparent)
      const at = { receivedMs: nowMs(), bodyMs: 0, validMs: 0 }
      let ids: readonly string[] = []
      let all: readonly Pick<Order, 'id'>[] = []
      return {
        readBody() {
          at.bodyMs = nowMs()
        },
        validated(orders) {
          at.validMs = nowMs()
          all = orders
          ids = orders.flatMap(({ id }) => (sampling.has(id) ? [id] : []))
        },
        ended(ok) {
          if (ids.length > 0) answered(ids, caller, at, ok)
          // In the trace of who sent it, whatever becomes of the event: one span, with a link to where the event's own trace is or would be.
          if (caller?.sampled === true && all.length > 0) {
            const links = all.slice(0, 1).map(({ id }) => ({ traceId: traceIdOf(id), spanId: rootSpanIdOf(id) }))
            add({ traceId: caller.traceId, spanId: newSpanId(), parentSpanId: caller.spanId, name: 'POST orders', kind: 'server', fromMs: at.receivedMs, toMs: nowMs(), links, ...(!ok && { failed: true }) })
          }
        },
      }
    },
    stored(batch, beganMs, all) {
      const storedMs = nowMs()
      const together: SpanContext = { traceId: randomBytes(16).toString('hex'), spanId: newSpanId() }
      let count = 0
      let sampled = 0
      for (const { events, enqueuedMs, readMs } of batch) {
        count += Buffer.isBuffer(events) ? events.length / RECORD_BYTES : events.length
        for (const id of sampledAmong(events, sampling)) {
          sampled += 1
          if (enqueuedMs !== undefined) stage(id, 'wait', Math.min(enqueuedMs, readMs), readMs)
          stage(id, 'gather', readMs, beganMs)
          stage(id, 'store', beganMs, storedMs, { kind: 'consumer', links: [together] })
        }
      }
      if (sampled > 0) add({ ...together, name: SHARED.batch, kind: 'consumer', fromMs: beganMs, toMs: storedMs, attributes: { 'messaging.batch.message_count': all ?? count } })
    },
    shared(name, fromMs, version) {
      add({ traceId: randomBytes(16).toString('hex'), spanId: newSpanId(), name, kind: 'internal', fromMs, toMs: nowMs(), attributes: { [VERSION]: version } })
    },
    [Symbol.asyncDispose]: () => exporter[Symbol.asyncDispose](),
  }
}

function sampledAmong(events: Taken['events'], sampling: Sampling): string[] {
  if (!Buffer.isBuffer(events)) return events.filter((id) => sampling.has(id))
  const ids: string[] = []
  for (let at = 0; at + RECORD_BYTES <= events.length; at += RECORD_BYTES) if (sampling.hasAt(events, at)) ids.push(decodeId(events, at))
  return ids
}

/** Never all zeros, which would be no id. */
function newSpanId(): string {
  const bytes = randomBytes(8)
  bytes[0]! |= 1
  return bytes.toString('hex')
}
