import type { Span } from './span.ts'

/**
 * Spans as OTLP/HTTP has them in JSON: ids in hex, times as text in nanoseconds.
 * https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const
const ERROR = 2

export interface ResourceAttributes {
  /** Which process of a service. */
  instance: string
  /** Spans that this process has dropped so far. */
  dropped: number
}

/** One request's body: all of one process. */
export function encodeSpans(service: string, { instance, dropped }: ResourceAttributes, spans: readonly Omit<Span, 'service'>[]): string {
  const resource = { attributes: attributesOf({ 'service.name': service, 'service.instance.id': instance, 'lab.spans.dropped': dropped }) }
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'load-lab' }, spans: spans.map(encodeSpan) }] }] })
}

function encodeSpan({ traceId, spanId, parentSpanId, name, kind, fromMs, toMs, failed, attributes, links }: Omit<Span, 'service'>) {
  return {
    traceId, spanId, ...(parentSpanId !== undefined && { parentSpanId }), name, kind: KINDS.indexOf(kind),
    startTimeUnixNano: nanoseconds(fromMs), endTimeUnixNano: nanoseconds(Math.max(fromMs, toMs)),
    ...(attributes && { attributes: attributesOf(attributes) }),
    ...(links && { links }),
    ...(failed === true && { status: { code: ERROR } }),
  }
}

/** A double holds today's time to a quarter of a microsecond: the fraction is kept apart. */
function nanoseconds(ms: number): string {
  const whole = Math.floor(ms)
  return `${whole}${String(Math.min(999_999, Math.round((ms - whole) * 1e6))).padStart(6, '0')}`
}

function attributesOf(attributes: Record<string, string | number>) {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value },
  }))
}

export interface Received {
  service: string
  instance: string
  /** As the sender counts them. */
  dropped: number
  spans: Span[]
}

/** The spans of a request, by resource. What is not needed here is passed over. @throws where it is no OTLP request in JSON */
export function decodeSpans(body: string): Received[] {
  const { resourceSpans } = JSON.parse(body) as { resourceSpans?: unknown }
  return list(resourceSpans, 'resourceSpans').map((one) => {
    const { resource, scopeSpans } = one as { resource?: { attributes?: unknown }; scopeSpans?: unknown }
    const about = readAttributes(resource?.attributes)
    const service = String(about['service.name'] ?? 'unknown_service')
    const spans = list(scopeSpans, 'scopeSpans').flatMap((scope) => list((scope as { spans?: unknown }).spans, 'spans').map((span) => decodeSpan(service, span as Wire)))
    return { service, instance: String(about['service.instance.id'] ?? ''), dropped: Number(about['lab.spans.dropped'] ?? 0), spans }
  })
}

interface Wire {
  traceId?: unknown
  spanId?: unknown
  parentSpanId?: unknown
  name?: unknown
  kind?: unknown
  startTimeUnixNano?: unknown
  endTimeUnixNano?: unknown
  attributes?: unknown
  links?: unknown
  status?: { code?: unknown }
}

function decodeSpan(service: string, wire: Wire): Span {
  const attributes = readAttributes(wire.attributes)
  const links = wire.links === undefined ? [] : list(wire.links, 'links').map((link) => ({ traceId: hex((link as Wire).traceId, 32), spanId: hex((link as Wire).spanId, 16) }))
  const kind = KINDS[Number(wire.kind ?? 1)]
  return {
    traceId: hex(wire.traceId, 32),
    spanId: hex(wire.spanId, 16),
    ...(typeof wire.parentSpanId === 'string' && wire.parentSpanId !== '' && { parentSpanId: hex(wire.parentSpanId, 16) }),
    name: String(wire.name ?? ''),
    kind: kind === 'server' || kind === 'producer' || kind === 'consumer' ? kind : 'internal',
    service,
    fromMs: milliseconds(wire.startTimeUnixNano),
    toMs: milliseconds(wire.endTimeUnixNano),
    ...(wire.status?.code === ERROR && { failed: true }),
    ...(Object.keys(attributes).length > 0 && { attributes }),
    ...(links.length > 0 && { links }),
  }
}

function list(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw new Error(`${name} is no list`)
  return value
}

function hex(value: unknown, digits: number): string {
  const text = String(value).toLowerCase()
  if (text.length !== digits || !/^[\da-f]+$/.test(text)) throw new Error(`${JSON.stringify(value)}: expected ${digits} hex digits`)
  return text
}

function milliseconds(nanoseconds: unknown): number {
  const text = String(nanoseconds)
  if (!/^\d{1,20}$/.test(text)) throw new Error(`${JSON.stringify(nanoseconds)}: expected nanoseconds since the epoch`)
  return Number(text.slice(0, -6) || '0') + Number(text.slice(-6)) / 1e6
}

function readAttributes(attributes: unknown): Record<string, string | number> {
  if (!Array.isArray(attributes)) return {}
  return Object.fromEntries(
    attributes.flatMap((one): [string, string | number][] => {
      const { key, value } = one as { key?: unknown; value?: { stringValue?: unknown; intValue?: unknown; doubleValue?: unknown } }
      if (typeof key !== 'string' || value === undefined) return []
      if (value.stringValue !== undefined) return [[key, String(value.stringValue)]]
      const number = value.intValue ?? value.doubleValue
      return number === undefined ? [] : [[key, Number(number)]]
    }),
  )
}
