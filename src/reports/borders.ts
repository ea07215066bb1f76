import type { OrderId } from '../load/order-id.ts'
import type { StoredOrder } from '../system/event.ts'
import type { Belonging } from './belonging.ts'
import type { Accounting } from './reconcile.ts'
import { sparseBits, type SparseBits } from './sparse-bits.ts'

/** Counts what is stored for somebody to whom it does not belong. */
export interface Borders {
  /** Is this row, an event of the run or of its history, with somebody else than who sent it? Then it has leaked, and is counted as that alone. */
  isCrossed(row: StoredOrder, parts: OrderId, of: 'run' | 'history'): boolean
  /** No event of the run, stored by who is no part of the load? */
  isGuest(row: StoredOrder): boolean
  /** This event of the run has leaked: it is stored, though not where it belongs. */
  isElsewhere(source: number, sequence: number): boolean
  tell(accounting: Accounting): void
}

export function watchBorders(belonging: Belonging, mostExamples: number): Borders {
  let leaked = 0
  let guests = 0
  const examples: string[] = []
  const elsewhere = new Map<number, SparseBits>()
  return {
    isCrossed(row, parts, of) {
      const owner = of === 'run' ? belonging.ownerOf(parts) : belonging.historyOwnerOf(parts)
      if (owner === undefined || row.owner === owner) return false
      leaked += 1
      if (examples.length < mostExamples) examples.push(`${row.id} of ${owner}, stored for ${row.owner ?? 'nobody'}`)
      if (of === 'run') {
        let bits = elsewhere.get(parts.source)
        if (bits === undefined) elsewhere.set(parts.source, (bits = sparseBits()))
        bits.set(parts.sequence)
      }
      return true
    },
    isGuest(row) {
      const is = belonging.isGuest(row.owner)
      if (is) guests += 1
      return is
    },
    isElsewhere: (source, sequence) => elsewhere.get(source)?.has(sequence) ?? false,
    tell(accounting) {
      accounting.leaked = leaked
      accounting.examples.leaked = examples
      if (guests > 0) accounting.guests = guests
    },
  }
}
