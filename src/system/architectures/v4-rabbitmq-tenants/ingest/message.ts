import { createHash } from 'node:crypto'
import { MAX_AMOUNT_CENTS, MAX_BATCH, type Order } from '../../../event.ts'
import { CENTS_AT, encodeOrders, isOrder, RECORD_BYTES } from '../../../record.ts'

/** In whose name events are published, and into which project. */
export interface Owner {
  workspace: number
  project: number
}

/** Headers of a message: workspace, project, and the idempotency key that a client chose for its only event. */
export interface MessageHeaders {
  w: number
  p: number
  k?: string
}

/** What one request brought, on its way: the records of its events, one after the other, so that a batch is confirmed whole or not at all. */
export function toMessage(orders: readonly Order[], { workspace, project }: Owner, key: string | undefined): { headers: Record<string, string | number>; content: Buffer } {
  return { headers: { w: workspace, p: project, ...(key !== undefined && { k: key }) }, content: encodeOrders(orders) }
}

/** One event as it comes out of a queue. */
export interface Event extends Owner {
  /** The key that a client chose, if one did. */
  key: string | undefined
  /** Of one order, {@link RECORD_BYTES}. */
  record: Buffer
  id: string
  /** The same for the same event in the same project: what decides whether one that comes again is the same. */
  fingerprint: string
}

/** Bytes that no event can be made of. */
export interface Unreadable {
  workspace: number
  headers: Record<string, unknown>
  content: Buffer
  reason: string
}

const KEY = /^[\x21-\x7e]{1,255}$/
const MAX_NUMBER = 2_147_483_647
const isNumber = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_NUMBER

/** Is this an idempotency key: 1 to 255 visible ASCII characters? */
export function isKey(value: unknown): value is string {
  return typeof value === 'string' && KEY.test(value)
}

/** The events of a message, and what in it is none. Nothing in it is trusted; never throws. */
export function readMessage(headers: Record<string, unknown>, content: Buffer): { events: Event[]; unreadable: Unreadable[] } {
  const { w, p, k } = headers
  const workspace = isNumber(w) ? w : 0
  const whole = (reason: string) => ({ events: [], unreadable: [{ workspace, headers, content, reason }] })
  if (workspace === 0 || !isNumber(p)) return whole('its headers do not say whose it is')
  if (k !== undefined && !isKey(k)) return whole('its idempotency key is none')
  const count = content.length / RECORD_BYTES
  if (!Number.isInteger(count) || count < 1 || count > MAX_BATCH) return whole(`${content.length} bytes where every record has ${RECORD_BYTES}, and there are 1 to ${MAX_BATCH}`)
  if (k !== undefined && count > 1) return whole('one idempotency key for several events')
  const events: Event[] = []
  const unreadable: Unreadable[] = []
  for (let at = 0; at < content.length; at += RECORD_BYTES) {
    const record = content.subarray(at, at + RECORD_BYTES)
    if (!isOrder(record, 0)) unreadable.push({ workspace, headers, content: record, reason: 'a position outside its vocabulary' })
    else if (record.readUInt32BE(CENTS_AT) > MAX_AMOUNT_CENTS) unreadable.push({ workspace, headers, content: record, reason: 'an amount that no order has' })
    else events.push({ workspace, project: p, key: k, record, id: idOf(record), fingerprint: fingerprintOf(p, record) })
  }
  return { events, unreadable }
}

export function idOf(record: Buffer): string {
  const hex = record.toString('hex', 0, 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** 96 bits: by chance nobody meets another's, and the few who would do so on purpose have only themselves to deceive, as keys are kept by workspace. */
function fingerprintOf(project: number, record: Buffer): string {
  return createHash('sha256').update(record).update(String(project)).digest('base64url').slice(0, 16)
}
