/**
 * Which events are traced, and under which names. Both follow from the event's id alone, so every process decides alike and nothing has to
 * travel with the event: records of 29 bytes, packed by the hundred into one entry of a stream, stay as they are.
 *
 * An id is a UUID and so is a trace id: the 16 bytes of the one are the other. The root span is named by the last 8 of them.
 * OpenTelemetry's own ratio sampler takes the end of a trace id for random; of ids that count up it is not, so it is mixed first.
 */
export interface Sampling {
  /** Is the event with this id traced? */
  has(id: string): boolean
  /** The same of an id as 16 bytes at `at`. */
  hasAt(bytes: Buffer, at: number): boolean
}

/** @param ratio share of the events, 0 to 1 */
export function samplingOf(ratio: number): Sampling {
  const bound = Math.round(Math.min(1, Math.max(0, ratio)) * 2 ** 32)
  const chosen = (high: number, low: number): boolean => (high | low) !== 0 && mixed(high, low) < bound
  return {
    has: (id) => chosen(Number.parseInt(id.slice(19, 23) + id.slice(24, 28), 16), Number.parseInt(id.slice(28), 16)),
    hasAt: (bytes, at) => chosen(bytes.readUInt32BE(at + 8), bytes.readUInt32BE(at + 12)),
  }
}

/** Two numbers stirred into 32 bits by the finalizer of MurmurHash3. https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp */
function mixed(high: number, low: number): number {
  return finalized(finalized(low) ^ high)
}

function finalized(value: number): number {
  let it = value | 0
  it = Math.imul(it ^ (it >>> 16), 0x85eb_ca6b)
  it = Math.imul(it ^ (it >>> 13), 0xc2b2_ae35)
  return (it ^ (it >>> 16)) >>> 0
}

/** 32 hex digits. */
export function traceIdOf(id: string): string {
  return id.replaceAll('-', '')
}

/** The id of an event, from its trace's. */
export function eventIdOf(traceId: string): string {
  return traceId.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** 16 hex digits; every stage of the event hangs from this span. */
export function rootSpanIdOf(id: string): string {
  return traceIdOf(id).slice(16)
}

/** What a client sent as `traceparent`: its own trace, and the span that its request is a part of. https://www.w3.org/TR/trace-context/ */
export interface Caller {
  traceId: string
  spanId: string
  sampled: boolean
}

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-.*)?$/

/** `undefined` for what is no traceparent, which the standard wants ignored. */
export function readTraceparent(header: string | undefined): Caller | undefined {
  const [, version, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(header ?? '') ?? []
  if (version === undefined || version === 'ff' || (version === '00' && header!.length !== 55) || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}
