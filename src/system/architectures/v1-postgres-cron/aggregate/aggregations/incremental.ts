import addSince from '../../sql/add-since.sql?raw'
import createState from '../../sql/create-aggregation-state.sql?raw'
import createXidIndex from '../../sql/create-xid-index.sql?raw'
import insertState from '../../sql/insert-aggregation-state.sql?raw'
import takeRange from '../../sql/take-range.sql?raw'
import writeWatermark from '../../sql/write-watermark.sql?raw'
import { SQL_STALLED_AFTER_MS, type Aggregation } from './aggregation.ts'

/**
 * Only what is new. An order counts as new by the transaction that wrote it, never by a time or a sequence, as those are given before the commit
 * and a late committer would be passed by. Counted are the rows of transactions in [watermark, oldest one still running): all of these have
 * ended, so their rows are all visible or will never be, and the next range begins where this one ends. A transaction that stays open holds
 * the range back, and those after it wait to be counted; nobody is skipped. Totals and watermark change in one transaction, so each row is
 * added once, whoever dies when.
 */
export function incremental(): Aggregation {
  return {
    schema: [createState, insertState, createXidIndex],
    stalledAfterMs: SQL_STALLED_AFTER_MS,
    async run(client) {
      // Nothing tells the planner how few rows are new, and until the first ANALYZE it takes the table for an empty one.
      await client.query('SET LOCAL enable_seqscan = off')
      const range = await client.query<{ watermark: string; upto: string }>({ name: 'take-range', text: takeRange })
      const { watermark, upto } = range.rows[0]!
      if (BigInt(upto) <= BigInt(watermark)) return 0
      const added = await client.query<{ count: number }>({ name: 'add-since', text: addSince, values: [watermark, upto] })
      const count = added.rows[0]?.count ?? 0
      // An empty range stays open: looking through it again costs less than writing a row once an interval.
      if (count > 0) await client.query({ name: 'write-watermark', text: writeWatermark, values: [upto] })
      return count
    },
  }
}
