/**
 * `ledger.bin`: the patches as they came, appended, so that whatever was cut off costs the last second at most.
 *
 *   file    "LABLEDGR" · version (u32) · records
 *   record  bytes that follow (u32) · CRC-32 of them (u32) ·
 *           source (u16) · events (f64) · fromByte (f64) · fromEvent (f64) · baseMs (f64) · states' length (u32) · states · times
 *
 * All little-endian. Later records replace the states of earlier ones; times are added to, never replaced.
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import type { LedgerPatch } from '../load/control.ts'
import { fates, FATE_NAMES, timesIn, type Fate, type Fates } from './ledger.ts'

const MAGIC = 'LABLEDGR'
const VERSION = 1
const FILE_HEADER_BYTES = 12
const RECORD_HEADER_BYTES = 8
const FIXED_BYTES = 2 + 4 * 8 + 4
/** Larger than any second's patch (a timeout of two minutes at 100,000/s dirties 3 MB): what claims more is damage. */
const MAX_RECORD_BYTES = 256 * 1024 * 1024
const READ_BYTES = 1024 * 1024

export interface LedgerFile extends Disposable {
  append(patch: LedgerPatch): void
  /** To the disk, not only to the kernel. */
  sync(): void
}

/** Creates `path`, which must not exist. Writing is synchronous: one small write a source and second. */
export function createLedgerFile(path: string): LedgerFile {
  const file = openSync(path, 'wx')
  const header = Buffer.alloc(FILE_HEADER_BYTES)
  header.write(MAGIC, 'latin1')
  header.writeUInt32LE(VERSION, MAGIC.length)
  write(header)

  function write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
  }
  return {
    append: (patch) => write(record(patch)),
    sync: () => fsyncSync(file),
    [Symbol.dispose]: () => closeSync(file),
  }
}

function record(patch: LedgerPatch): Buffer {
  const states = Buffer.from(patch.states, 'base64')
  const times = Buffer.from(patch.times, 'base64')
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES + FIXED_BYTES + states.length + times.length)
  let at = bytes.writeUInt16LE(patch.source, RECORD_HEADER_BYTES)
  for (const value of [patch.events, patch.fromByte, patch.fromEvent, patch.baseMs]) at = bytes.writeDoubleLE(value, at)
  at = bytes.writeUInt32LE(states.length, at)
  states.copy(bytes, at)
  times.copy(bytes, at + states.length)
  bytes.writeUInt32LE(bytes.length - RECORD_HEADER_BYTES, 0)
  bytes.writeUInt32LE(crc32(bytes.subarray(RECORD_HEADER_BYTES)), 4)
  return bytes
}

interface StoredPatch {
  source: number
  events: number
  fromByte: number
  fromEvent: number
  baseMs: number
  states: Buffer
  times: Buffer
}

/** The records in order; ends quietly before a last one that is cut off. Throws for a file that is no ledger, or damaged inside. */
async function* recordsOf(path: string): AsyncGenerator<StoredPatch> {
  await using file = await open(path, 'r')
  let held = Buffer.alloc(0)
  let at = 0
  let heldFrom = 0

  async function have(bytes: number): Promise<boolean> {
    while (held.length - at < bytes) {
      const more = Buffer.allocUnsafe(Math.max(READ_BYTES, bytes))
      const { bytesRead } = await file.read(more, 0, more.length)
      if (bytesRead === 0) return false
      heldFrom += at
      held = Buffer.concat([held.subarray(at), more.subarray(0, bytesRead)])
      at = 0
    }
    return true
  }

  if (!(await have(FILE_HEADER_BYTES)) || held.toString('latin1', 0, MAGIC.length) !== MAGIC) throw new Error(`${path}: not a ledger`)
  const version = held.readUInt32LE(MAGIC.length)
  if (version !== VERSION) throw new Error(`${path}: ledger version ${version}; this lab reads version ${VERSION}`)
  at = FILE_HEADER_BYTES
  while (await have(RECORD_HEADER_BYTES)) {
    const length = held.readUInt32LE(at)
    const sum = held.readUInt32LE(at + 4)
    const damaged = `${path}: damaged record at byte ${heldFrom + at}`
    if (length < FIXED_BYTES || length > MAX_RECORD_BYTES) throw new Error(damaged)
    if (!(await have(RECORD_HEADER_BYTES + length))) return
    const bytes = held.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + length)
    at += RECORD_HEADER_BYTES + length
    if (crc32(bytes) !== sum) {
      // A crash of the machine may leave the last record's length but not its bytes.
      if (!(await have(1))) return
      throw new Error(damaged)
    }
    yield parse(bytes)
  }
}

function parse(bytes: Buffer): StoredPatch {
  const statesLength = bytes.readUInt32LE(34)
  return {
    source: bytes.readUInt16LE(0),
    events: bytes.readDoubleLE(2),
    fromByte: bytes.readDoubleLE(10),
    fromEvent: bytes.readDoubleLE(18),
    baseMs: bytes.readDoubleLE(26),
    states: bytes.subarray(FIXED_BYTES, FIXED_BYTES + statesLength),
    times: bytes.subarray(FIXED_BYTES + statesLength),
  }
}

/** What became of every event, by source. */
export interface Ledger {
  readonly sources: readonly number[]
  /** Events of a source: sequences 0 … events − 1. 0 for an unknown source. */
  events(source: number): number
  /** `undefined` for an event that was never scheduled. */
  fate(source: number, sequence: number): Fate | undefined
  /** Events by fate, over all sources: index by `OK`, `UNKNOWN` … */
  counts(): [neverSent: number, unknown: number, ok: number, rejected: number]
}

export async function readLedger(path: string): Promise<Ledger> {
  const bySource = new Map<number, { events: number; fates: Fates }>()
  for await (const { source, events, fromByte, states } of recordsOf(path)) {
    let held = bySource.get(source)
    if (!held) bySource.set(source, (held = { events: 0, fates: fates() }))
    held.events = Math.max(held.events, events)
    held.fates.write(fromByte, states)
  }
  return {
    sources: [...bySource.keys()].sort((a, b) => a - b),
    events: (source) => bySource.get(source)?.events ?? 0,
    fate(source, sequence) {
      const held = bySource.get(source)
      return held && sequence >= 0 && sequence < held.events ? held.fates.get(sequence) : undefined
    },
    counts() {
      const counts: [number, number, number, number] = [0, 0, 0, 0]
      for (const { events, fates } of bySource.values()) {
        for (let event = 0; event < events; event++) counts[fates.get(event)]++
      }
      return counts
    },
  }
}

export function fateName(fate: Fate): (typeof FATE_NAMES)[number] {
  return FATE_NAMES[fate]
}

/**
 * When the wanted events were due (the time in their ids), ms since the epoch, from a second pass over the file.
 * For the few that a report names: the answer is keyed by source, then sequence; what the file does not hold is missing.
 */
export async function timesOf(path: string, wanted: Iterable<{ source: number; sequence: number }>): Promise<Map<number, Map<number, number>>> {
  const bySource = Map.groupBy(wanted, ({ source }) => source)
  const found = new Map<number, Map<number, number>>()
  for await (const { source, events, fromEvent, baseMs, times } of recordsOf(path)) {
    const sequences = (bySource.get(source) ?? []).map(({ sequence }) => sequence)
    const here = new Set(sequences.filter((sequence) => sequence >= fromEvent && sequence < events))
    if (here.size === 0) continue
    let sequence = fromEvent
    for (const timeMs of timesIn(baseMs, times)) {
      if (here.has(sequence)) {
        if (!found.has(source)) found.set(source, new Map())
        found.get(source)!.set(sequence, timeMs)
      }
      sequence++
    }
  }
  return found
}

/** A stretch of due times, both ends inclusive; without an end it is open there. */
export interface DueStretch {
  fromMs?: number
  toMs?: number
}

/**
 * Which events were due in each of these stretches: [from, to) of their sequences, by source, in the order of the stretches.
 * A source's times never go back, so a stretch of time is a stretch of sequences; nothing is kept of the events themselves.
 */
export async function sequencesIn(path: string, stretches: readonly DueStretch[]): Promise<Map<number, [number, number][]>> {
  const found = new Map<number, [number, number][]>()
  for await (const { source, fromEvent, baseMs, times } of recordsOf(path)) {
    let ranges = found.get(source)
    if (!ranges) found.set(source, (ranges = stretches.map(() => [0, 0])))
    let sequence = fromEvent
    for (const timeMs of timesIn(baseMs, times)) {
      for (const [i, { fromMs = -Infinity, toMs = Infinity }] of stretches.entries()) {
        const range = ranges[i]!
        if (timeMs < fromMs) range[0] = range[1] = sequence + 1
        else if (timeMs <= toMs) range[1] = sequence + 1
      }
      sequence++
    }
  }
  return found
}
