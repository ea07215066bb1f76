/** What can be done to a connection, in toxiproxy's words. Pure: read from text, checked, written out. */

export const TOXICS = ['latency', 'bandwidth', 'reset', 'reset-reply', 'timeout', 'slow-close', 'partition'] as const
export type ToxicKind = (typeof TOXICS)[number]

/** `up`: from the clients to the service; `down`: from the service to its clients. */
export const DIRECTIONS = ['up', 'down', 'both'] as const
export type Direction = (typeof DIRECTIONS)[number]

/** One of them, on every connection that it meets. */
export interface Toxic {
  kind: ToxicKind
  direction: Direction
  /** Of all connections, each by chance: 0 to 1. */
  share: number
  /** latency: every chunk of bytes waits so long, give or take the jitter. */
  delayMs: number
  jitterMs: number
  /** bandwidth: of all its connections together, each way. */
  bytesPerSecond?: number
  /** slow-close: the end of a connection is passed on so much later. */
  closeMs: number
}

/** As toxiproxy has it, replies are what is late unless told otherwise: a round trip takes the delay longer, once. */
const DEFAULT_DIRECTION: Partial<Record<ToxicKind, Direction>> = { latency: 'down', 'reset-reply': 'down' }
/** What cuts a connection, or shuts it for a while, does it in both. */
const BOTH_WAYS: readonly ToxicKind[] = ['reset', 'partition']

const FORMS: Record<ToxicKind, { says: string; example: string } | undefined> = {
  latency: { says: 'how long', example: 'latency:kafka=200ms or latency:kafka=200ms±50ms' },
  bandwidth: { says: 'how much passes', example: 'bandwidth:kafka=100kB/s' },
  'slow-close': { says: 'how long', example: 'slow-close:kafka=5s' },
  reset: undefined,
  'reset-reply': undefined,
  timeout: undefined,
  partition: undefined,
}

const MOST_DELAY_MS = 60_000
const MOST_BYTES_PER_SECOND = 10_000_000_000
const LEAST_BYTES_PER_SECOND = 100
const BYTES = { 'B/s': 1, 'kB/s': 1_000, 'MB/s': 1_000_000, 'GB/s': 1_000_000_000 } as const
const OPTIONS = 'up, down, both, or a share of the connections such as 30%'

export type ReadToxic = { ok: true; toxic: Toxic } | { ok: false; says: string }

export function isToxic(name: string): name is ToxicKind {
  return (TOXICS as readonly string[]).includes(name)
}

/**
 * Reads what stands behind `latency:kafka=`: `200ms±50ms`, `100kB/s,up`, `5s,30%`; for those that need no value only the options.
 * @returns what is wrong as a sentence without its subject
 */
export function readToxic(kind: ToxicKind, text: string | undefined): ReadToxic {
  const form = FORMS[kind]
  const words = text === undefined ? [] : text.split(',').map((word) => word.trim())
  const value = form === undefined ? undefined : words.shift()
  if (form !== undefined && !value) return { ok: false, says: `must say ${form.says}: ${form.example}` }
  const read = valueOf(kind, value ?? '')
  if (typeof read === 'string') return { ok: false, says: read }
  const toxic: Toxic = { kind, direction: DEFAULT_DIRECTION[kind] ?? 'both', share: 1, delayMs: 0, jitterMs: 0, closeMs: 0, ...read }
  for (const word of words) {
    const option = optionOf(kind, word)
    if (typeof option === 'string') return { ok: false, says: option }
    Object.assign(toxic, option)
  }
  return { ok: true, toxic }
}

function valueOf(kind: ToxicKind, text: string): Partial<Toxic> | string {
  if (kind === 'latency') return latencyOf(text)
  if (kind === 'bandwidth') return bandwidthOf(text)
  if (kind !== 'slow-close') return {}
  const closeMs = milliseconds(text)
  return closeMs === undefined || closeMs === 0 ? `${JSON.stringify(text)} is no time; allowed are such as 5s or 500ms, above 0 and at most 60s` : { closeMs }
}

function latencyOf(text: string): Partial<Toxic> | string {
  const allowed = 'allowed are such as 200ms, 1.5s, 200ms±50ms or 200ms+-50ms, at most 60s'
  const [delay = '', jitter, more] = text.split(/±|\+\/?-/)
  const delayMs = milliseconds(delay)
  // `200ms±50` means 50 of the same.
  const unit = /[a-z]+$/.exec(delay)?.[0] ?? ''
  const jitterMs = jitter === undefined ? 0 : milliseconds(/[a-z]$/.test(jitter) ? jitter : `${jitter}${unit}`)
  if (delayMs === undefined || jitterMs === undefined || more !== undefined) return `${JSON.stringify(text)} is no delay; ${allowed}`
  if (delayMs + jitterMs === 0) return `${JSON.stringify(text)} delays nothing; ${allowed}`
  if (jitterMs > delayMs) return `${JSON.stringify(text)}: the jitter is more than the delay, and nothing can arrive before it was sent`
  return { delayMs, jitterMs }
}

function bandwidthOf(text: string): Partial<Toxic> | string {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(B\/s|kB\/s|MB\/s|GB\/s)$/.exec(text)
  const bytesPerSecond = match === null ? NaN : Number(match[1]) * BYTES[match[2] as keyof typeof BYTES]
  if (bytesPerSecond >= LEAST_BYTES_PER_SECOND && bytesPerSecond <= MOST_BYTES_PER_SECOND) return { bytesPerSecond }
  return `${JSON.stringify(text)} is no rate; allowed are 100B/s to 10GB/s, such as 100kB/s or 1.5MB/s (bytes, in thousands)`
}

function optionOf(kind: ToxicKind, word: string): Partial<Toxic> | string {
  const percent = /^(\d{1,3}(?:\.\d{1,2})?)%$/.exec(word)
  if (percent !== null) {
    const share = Number(percent[1]) / 100
    return share > 0 && share <= 1 ? { share } : `${JSON.stringify(word)}: a share is above 0% and at most 100%`
  }
  if (!(DIRECTIONS as readonly string[]).includes(word)) return FORMS[kind] === undefined ? `${JSON.stringify(word)}: it takes no value, only ${OPTIONS}` : `${JSON.stringify(word)} is none of ${OPTIONS}`
  if (BOTH_WAYS.includes(kind) && word !== 'both') return `${JSON.stringify(word)}: a ${kind} is always in both directions`
  if (kind === 'reset-reply' && word !== 'down') return `${JSON.stringify(word)}: a reply always goes down`
  return { direction: word as Direction }
}

function milliseconds(text: string): number | undefined {
  const match = /^(\d{1,6}(?:\.\d{1,3})?)(ms|s)$/.exec(text)
  if (match === null) return undefined
  const ms = Number(match[1]) * (match[2] === 's' ? 1_000 : 1)
  return ms <= MOST_DELAY_MS ? ms : undefined
}
