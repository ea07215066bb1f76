import copyView from '../../sql/copy-totals-view.sql?raw'
import createIndex from '../../sql/create-totals-view-index.sql?raw'
import createView from '../../sql/create-totals-view.sql?raw'
import refreshView from '../../sql/refresh-totals-view.sql?raw'
import readCounted from '../../sql/read-counted.sql?raw'
import { SQL_STALLED_AFTER_MS, type Aggregation } from './aggregation.ts'

/**
 * The figures are a materialized view, refreshed without locking out whoever reads it, then copied to `totals` in the same transaction, as that is
 * where readers look. A refresh computes everything anew, like GROUP BY, and compares the result with what the view held.
 */
export function materializedView(): Aggregation {
  return {
    schema: [createView, createIndex],
    stalledAfterMs: SQL_STALLED_AFTER_MS,
    async run(client) {
      await client.query(refreshView)
      await client.query({ name: 'copy-totals-view', text: copyView })
      const { rows } = await client.query<{ count: number }>({ name: 'read-counted', text: readCounted })
      return rows[0]?.count ?? 0
    },
  }
}
