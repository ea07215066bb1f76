import type { Caller } from '../system/architecture.ts'
import type { OwnedOrder } from '../system/event.ts'
import { callerPicker } from './callers.ts'
import { orderBody } from './customers.ts'
import { MAX_SEQUENCE, MAX_SOURCE, orderIdWriter, type OrderId } from './order-id.ts'

/** Run tag of all history. */
export const HISTORY_TAG = 0
export const MAX_HISTORY = 100_000_000
export const HISTORY_DAYS = 30

/**
 * Orders from before the run: `orders` of them, evenly spread over [fromMs, toMs), oldest first, their ids of run tag 0 and of one
 * source, the sequence contiguous from `firstSequence`. Every order follows from this and its place, as all others follow from
 * (seed, id): so each is known to whoever reconciles.
 */
export interface History {
  orders: number
  seed: number
  source: number
  firstSequence: number
  fromMs: number
  toMs: number
}

/** The last days before `toMs`. Throws a RangeError where the sequence has no room for so many. */
export function historyOf(parts: { orders: number; seed: number; toMs: number; days?: number; source?: number; firstSequence?: number }): History {
  const { orders, seed, toMs, days = HISTORY_DAYS, source = 0, firstSequence = 0 } = parts
  if (source < 0 || source > MAX_SOURCE) throw new RangeError(`source ${source}: expected 0 to ${MAX_SOURCE}`)
  if (firstSequence < 0 || firstSequence + orders - 1 > MAX_SEQUENCE) throw new RangeError(`${orders} orders from sequence ${firstSequence} on: the last must be at most ${MAX_SEQUENCE}`)
  return { orders, seed, source, firstSequence, fromMs: Math.floor(toMs - days * 86_400_000), toMs }
}

/**
 * Source and first sequence for another filling of a system that may hold history already: the sequence begins at the clock's
 * microsecond (modulo its 40 bits, 12.7 days), and no store takes a million orders a second, so one filling ends before the next begins;
 * `source` (at random) tells those apart that go on at the same time. If ids should meet all the same, the store's key refuses them.
 */
export function freshRange(orders: number, nowMs: number, source: number): Pick<History, 'source' | 'firstSequence'> {
  const first = (nowMs * 1_000) % (MAX_SEQUENCE + 1)
  return { source, firstSequence: first + orders - 1 > MAX_SEQUENCE ? 0 : first }
}

/** When the n-th order (from 0) was placed, ms since the epoch. */
export function historyTimeMs(history: History, n: number): number {
  return history.fromMs + Math.floor(n * ((history.toMs - history.fromMs) / history.orders))
}

/** Which order of this history an id names, from 0; -1 when it is none of it. */
export function placeInHistory(history: History, parts: OrderId): number {
  if (parts.runTag !== HISTORY_TAG || parts.source !== history.source) return -1
  const n = parts.sequence - history.firstSequence
  return n >= 0 && n < history.orders && historyTimeMs(history, n) === parts.timeMs ? n : -1
}

export function historyIdAt(history: History, n: number): string {
  return orderIdWriter(HISTORY_TAG, history.source)(historyTimeMs(history, n), history.firstSequence + n)
}

/** To whom an order of history belongs, `undefined` where to nobody in particular. See {@link historyOwner}. */
export type HistoryOwner = (source: number, sequence: number) => string | undefined

/** History was sent by the callers as well, by their shares, one order a visit. */
export function historyOwner(callers: readonly Caller[], seed: number): HistoryOwner {
  if (callers.every(({ owner }) => owner === undefined)) return () => undefined
  const pick = callerPicker(callers, seed)
  return (source, sequence) => callers[pick(source, sequence)]!.owner
}

/** All orders, oldest first, in batches; ends early once `signal` is aborted. */
export async function* historyOrders(history: History, batch = 5_000, signal?: AbortSignal, ownerOf: HistoryOwner = () => undefined): AsyncGenerator<OwnedOrder[]> {
  const idOf = orderIdWriter(HISTORY_TAG, history.source)
  const parts: OrderId = { timeMs: 0, runTag: HISTORY_TAG, source: history.source, sequence: 0 }
  for (let from = 0; from < history.orders && signal?.aborted !== true; from += batch) {
    const orders: OwnedOrder[] = new Array<OwnedOrder>(Math.min(batch, history.orders - from))
    for (let i = 0; i < orders.length; i++) {
      parts.timeMs = historyTimeMs(history, from + i)
      parts.sequence = history.firstSequence + from + i
      const order: OwnedOrder = orderBody(history.seed, idOf(parts.timeMs, parts.sequence), parts)
      const owner = ownerOf(parts.source, parts.sequence)
      if (owner !== undefined) order.owner = owner
      orders[i] = order
    }
    yield orders
  }
}
