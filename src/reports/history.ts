import { orderBody } from '../load/customers.ts'
import { historyIdAt, placeInHistory, type History } from '../load/history.ts'
import type { OrderId } from '../load/order-id.ts'
import type { Order, StoredOrder } from '../system/event.ts'
import { sparseBits } from './sparse-bits.ts'

/** What became of the orders that were there before the load. All of them were stored then, so no guarantee excuses one. */
export interface HistoryAccounting {
  orders: number
  /** Distinct ones found. */
  stored: number
  lost: number
  duplicated: number
  altered: number
  /** The first of each kind. */
  examples: Record<HistoryWrong, string[]>
}

export const HISTORY_WRONGS = ['lost', 'duplicated', 'altered'] as const
export type HistoryWrong = (typeof HISTORY_WRONGS)[number]

export interface HistoryLedger {
  /** `unexpected`: no order of this history; `again`: seen before; else what was written, which is what the dashboard must count. */
  take(row: StoredOrder, parts: OrderId): Order | 'again' | 'unexpected'
  /** It is stored, with somebody to whom it does not belong: leaked, and so not lost. */
  takeElsewhere(parts: OrderId): void
  /** Once every row was taken. */
  account(): HistoryAccounting
}

/** A bit an order: 1.25 MB for ten million. */
export function historyLedger(history: History, mostExamples: number): HistoryLedger {
  const seen = new Uint8Array(Math.ceil(history.orders / 8))
  const elsewhere = sparseBits()
  const found: HistoryAccounting = { orders: history.orders, stored: 0, lost: 0, duplicated: 0, altered: 0, examples: { lost: [], duplicated: [], altered: [] } }
  const wrong = (kind: HistoryWrong, id: string) => {
    found[kind] += 1
    if (found.examples[kind].length < mostExamples) found.examples[kind].push(id)
  }
  return {
    take(row, parts) {
      const n = placeInHistory(history, parts)
      if (n < 0) return 'unexpected'
      const bit = 1 << (n & 7)
      if ((seen[n >>> 3]! & bit) !== 0) {
        wrong('duplicated', row.id)
        return 'again'
      }
      seen[n >>> 3]! |= bit
      found.stored += 1
      const written = orderBody(history.seed, row.id, parts)
      if (differs(written, row)) wrong('altered', row.id)
      return written
    },
    takeElsewhere: (parts) => elsewhere.set(placeInHistory(history, parts)),
    account() {
      for (let n = 0; n < history.orders && found.stored + found.lost < history.orders; n++) {
        if ((seen[n >>> 3]! & (1 << (n & 7))) === 0 && !elsewhere.has(n)) wrong('lost', historyIdAt(history, n))
      }
      return found
    },
  }
}

/** One sentence for each way in which history is not what was written. */
export function historyFailures(found: HistoryAccounting | undefined): string[] {
  if (found === undefined) return []
  const all = count(found.orders)
  return [
    ...(found.lost > 0 ? [`history: ${count(found.lost)} of ${all} missing`] : []),
    ...(found.duplicated > 0 ? [`history: ${count(found.duplicated)} of ${all} stored more than once`] : []),
    ...(found.altered > 0 ? [`history: ${count(found.altered)} of ${all} stored with other fields than were written`] : []),
  ]
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** Has a stored row other fields than were sent? */
export function differs(sent: Order, stored: StoredOrder): boolean {
  return (
    sent.type !== stored.type ||
    sent.store !== stored.store ||
    sent.product !== stored.product ||
    sent.amountCents !== stored.amountCents ||
    sent.timestampMs !== stored.timestampMs
  )
}
