import type pg from 'pg'
import beginState from '../sql/begin-rollup-state.sql?raw'
import rollUp from '../sql/roll-up.sql?raw'
import takeStep from '../sql/take-rollup-step.sql?raw'
import writeWatermark from '../sql/write-rollup-watermark.sql?raw'

/** Transactions by their number, as PostgreSQL counts them: 64 bits. */
export interface Span {
  /** The oldest that is still running; nothing of those before it can appear any more. */
  horizon: string
  /** The first from the watermark on that wrote an event; null when there is none. */
  first: string | null
  /** The one that wrote the event after the last that a step may take; null when there is none. */
  nth: string | null
}

/** Up to which transaction (exclusive) to roll up, at least one; undefined when none is over. Pure. */
export function stepEnd({ horizon, first, nth }: Span): string | undefined {
  const end = BigInt(horizon)
  if (first === null || BigInt(first) >= end) return undefined
  if (nth === null || BigInt(nth) >= end) return horizon
  // All of the step are of one transaction, which cannot be divided.
  return BigInt(nth) > BigInt(first) ? nth : String(BigInt(first) + 1n)
}

/** What a step came to: committed. */
export interface Step {
  /** Events. */
  rows: number
  /** There may be more that is over. */
  more: boolean
}

/**
 * Rolls up the next events of a workspace, about `most` of them, in one transaction with the watermark that says so: whoever dies when, each is
 * added once. An event counts as new by the transaction that wrote it, never by a time, so it does not matter how late it is or how late it was
 * committed. Does nothing while another process is at this workspace. Throws as `pg` does; the connection is then fit for nothing else.
 */
export async function rollUpStep(client: pg.ClientBase, workspace: number, most: number, failpoint: (point: string) => void = () => {}): Promise<Step> {
  await client.query({ name: 'begin-rollup-state', text: beginState, values: [workspace] })
  await client.query('BEGIN')
  // Nothing tells the planner how few rows are new, and until the first ANALYZE it takes the table for an empty one.
  await client.query('SET LOCAL enable_seqscan = off')
  const taken = await client.query<Span & { watermark: string }>({ name: 'take-rollup-step', text: takeStep, values: [workspace, most] })
  const span = taken.rows[0]
  const end = span && stepEnd(span)
  if (end === undefined) {
    await client.query('ROLLBACK')
    return { rows: 0, more: false }
  }
  const rolled = await client.query<{ count: number }>({ name: 'roll-up', text: rollUp, values: [workspace, span!.watermark, end] })
  await client.query({ name: 'write-rollup-watermark', text: writeWatermark, values: [workspace, end] })
  failpoint('before-commit')
  await client.query('COMMIT')
  failpoint('after-commit')
  return { rows: rolled.rows[0]!.count, more: end !== span!.horizon }
}
