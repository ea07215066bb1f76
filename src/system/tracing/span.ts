/** A piece of time that one process spent on one event, or on many at once. Times in ms since the epoch, with fractions. */
export interface Span {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: 'internal' | 'server' | 'producer' | 'consumer'
  service: string
  fromMs: number
  toMs: number
  failed?: boolean
  attributes?: Record<string, string | number>
  links?: SpanContext[]
}

export interface SpanContext {
  traceId: string
  spanId: string
}

/**
 * The stages of one event, each a span in its trace, in the order in which it passes them. `receive` to `publish` are the API's; `wait` is the
 * broker's, told by whoever took the event out; `gather` and `store` are a worker's; `flink` is what Flink took, told by the lab from the row.
 */
export const EVENT_STAGES = ['receive', 'validate', 'publish', 'wait', 'gather', 'store', 'flink'] as const
export type EventStage = (typeof EVENT_STAGES)[number]

/** Spans in traces of their own, of what is done for many events at once. */
export const SHARED = { batch: 'store batch', project: 'project', push: 'push' } as const
/** Which state of the dashboard was written or sent: its version. */
export const VERSION = 'lab.version'
