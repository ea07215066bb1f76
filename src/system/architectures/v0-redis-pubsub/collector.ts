import type { Context } from '../../context.ts'
import { counter, gauge } from '../../metrics.ts'
import { RECORD_BYTES } from '../../record.ts'
import type { Message } from './channel.ts'
import type { OrderWriter } from './file.ts'
import type { Progress } from './progress.ts'

/** What was received and is not stored yet. */
export interface Collector {
  add(message: Message): void
  /** Stores all of it now. An error ends the process: nothing else holds these events, so there is nobody to give them back to. */
  commit(): void
}

/**
 * Transactions run in this thread, and while one does nothing is read from Redis: so never more is held than a batch and a message. What the
 * consumer does not keep up with waits in Redis' output buffer, until Redis cuts it off.
 */
export function createCollector(context: Context<{ batch: number; flush: number }>, writer: OrderWriter, progress: Progress): Collector {
  const { batch, flush } = context.knobs
  let held: Message[] = []
  let heldEvents = 0
  let timer: NodeJS.Timeout | undefined
  const sums = { stored: 0, invalid: 0, transactions: 0 }
  counter('lab_events_stored_total', 'Events stored; an id that was there already is none.', () => sums.stored)
  counter('lab_events_invalid_total', 'Records that cannot be orders: left out.', () => sums.invalid)
  counter('lab_transactions_total', 'Transactions committed.', () => sums.transactions)
  gauge('lab_events_held', 'Events received and not committed.', () => heldEvents)

  function store(records: Buffer): void {
    const { stored, invalid } = writer.store(records, () => context.failpoint('before-commit'))
    context.failpoint('after-commit')
    if (invalid > 0) context.log(`${invalid} records cannot be orders: left out`)
    sums.stored += stored
    sums.invalid += invalid
    sums.transactions += 1
  }

  function commit(): void {
    clearTimeout(timer)
    timer = undefined
    const last = held.at(-1)
    if (last === undefined) return
    const all = held.length === 1 ? last.records : Buffer.concat(held.map(({ records }) => records))
    const step = batch * RECORD_BYTES
    const beganMs = context.tracer?.nowMs()
    for (let at = 0; at < all.length; at += step) store(all.subarray(at, at + step))
    if (beganMs !== undefined) context.tracer!.stored(held.map(({ records, readMs }) => ({ events: records, readMs: readMs ?? beganMs })), beganMs)
    held = []
    heldEvents = 0
    progress.reached(last.position)
  }

  return {
    add(message) {
      if (context.tracer !== undefined) message.readMs = context.tracer.nowMs()
      held.push(message)
      heldEvents += message.records.length / RECORD_BYTES
      if (message.records.length > 0) context.failpoint('after-receive')
      if (heldEvents >= batch) commit()
      else timer ??= setTimeout(commit, flush)
    },
    commit,
  }
}
