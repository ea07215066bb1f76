/**
 * What was sent and what became of it: two bits per event, in the order of the id's sequence.
 * `unknown` is written at send and overwritten by the answer, so whatever is cut off stays unknown.
 */
import type { LedgerPatch } from '../load/control.ts'

export const NEVER_SENT = 0
export const UNKNOWN = 1
export const OK = 2
export const REJECTED = 3
export type Fate = typeof NEVER_SENT | typeof UNKNOWN | typeof OK | typeof REJECTED
export const FATE_NAMES = ['never sent', 'unknown', 'ok', 'rejected'] as const

/** Fates of one source, growing; 10 million events take 2.5 MB (and up to half as much again to grow into). */
export interface Fates {
  /** Event n is the n-th of its source, n < 2³². Beyond the end: never sent. */
  get(event: number): Fate
  set(event: number, fate: Fate): void
  /** Four events a byte, the first in the lowest bits. */
  bytes(fromByte: number, toByte: number): Buffer
  /** Overwrites from `fromByte` on. */
  write(fromByte: number, states: Uint8Array): void
}

const FIRST_BYTES = 16 * 1024

export function fates(): Fates {
  let states = new Uint8Array(FIRST_BYTES)

  function hold(bytes: number): void {
    if (bytes <= states.length) return
    const larger = new Uint8Array(Math.max(bytes, Math.ceil(states.length * 1.5)))
    larger.set(states)
    states = larger
  }

  return {
    get: (event) => (((states[event >>> 2] ?? 0) >> ((event & 3) << 1)) & 3) as Fate,
    set(event, fate) {
      const byte = event >>> 2
      if (byte >= states.length) hold(byte + 1)
      const shift = (event & 3) << 1
      states[byte] = (states[byte]! & ~(3 << shift)) | (fate << shift)
    },
    bytes(fromByte, toByte) {
      hold(toByte)
      return Buffer.from(states.subarray(fromByte, toByte))
    },
    write(fromByte, patch) {
      hold(fromByte + patch.length)
      states.set(patch, fromByte)
    },
  }
}

/** One source's ledger in the injector: fates for good, times only until they are shipped. */
export interface SourceLedger {
  readonly source: number
  /** Events scheduled so far. */
  readonly events: number
  /** The next event, with the time in its id (never before the one of the event before it). Returns its sequence. */
  append(timeMs: number): number
  set(sequence: number, fate: Fate): void
  /** What changed since the last patch; `undefined` if nothing did. */
  patch(): LedgerPatch | undefined
}

/** A delta too large for one byte is this, followed by four bytes. */
const ESCAPE = 255

export function sourceLedger(source: number): SourceLedger {
  const held = fates()
  const ledger = { source, events: 0, append, set, patch }
  let times = new Uint8Array(4096)
  let timesLength = 0
  let shippedEvents = 0
  let baseMs = 0
  let lastMs = 0
  let dirtyFrom = Infinity
  let dirtyTo = 0
  return ledger

  function append(timeMs: number): number {
    if (ledger.events === 0) baseMs = lastMs = timeMs
    const deltaMs = timeMs - lastMs
    if (deltaMs < 0) throw new Error(`source ${source}: event ${ledger.events} at ${timeMs} ms lies before the one before it, at ${lastMs} ms`)
    if (timesLength + 5 > times.length) times = grown(times)
    if (deltaMs < ESCAPE) {
      times[timesLength++] = deltaMs
    } else {
      times[timesLength++] = ESCAPE
      for (let shift = 0; shift < 32; shift += 8) times[timesLength++] = (deltaMs >>> shift) & 0xff
    }
    lastMs = timeMs
    touch(ledger.events)
    return ledger.events++
  }

  function set(sequence: number, fate: Fate): void {
    held.set(sequence, fate)
    touch(sequence)
  }

  function touch(sequence: number): void {
    const byte = sequence >>> 2
    if (byte < dirtyFrom) dirtyFrom = byte
    if (byte >= dirtyTo) dirtyTo = byte + 1
  }

  function patch(): LedgerPatch | undefined {
    if (dirtyTo === 0) return undefined
    const made: LedgerPatch = {
      type: 'ledger',
      source,
      events: ledger.events,
      fromByte: dirtyFrom,
      states: held.bytes(dirtyFrom, dirtyTo).toString('base64'),
      fromEvent: shippedEvents,
      baseMs,
      times: Buffer.from(times.buffer, 0, timesLength).toString('base64'),
    }
    shippedEvents = ledger.events
    baseMs = lastMs
    timesLength = 0
    dirtyFrom = Infinity
    dirtyTo = 0
    return made
  }
}

function grown(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(bytes.length * 2)
  larger.set(bytes)
  return larger
}

/** The times of a patch's events, ms since the epoch. Stops where the bytes do. */
export function* timesIn(baseMs: number, times: Buffer): Generator<number> {
  let timeMs = baseMs
  for (let at = 0; at < times.length; ) {
    const byte = times[at++]!
    if (byte === ESCAPE) {
      if (at + 4 > times.length) return
      timeMs += times.readUInt32LE(at)
      at += 4
    } else {
      timeMs += byte
    }
    yield timeMs
  }
}
