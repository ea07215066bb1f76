import groupBy from '../../sql/group-by.sql?raw'
import readCounted from '../../sql/read-counted.sql?raw'
import { SQL_STALLED_AFTER_MS, type Aggregation } from './aggregation.ts'

/** Everything anew each time, in the database: exact by construction, and slower with every order there is. */
export function groupByAll(): Aggregation {
  return {
    schema: [],
    stalledAfterMs: SQL_STALLED_AFTER_MS,
    async run(client) {
      await client.query({ name: 'group-by', text: groupBy })
      const { rows } = await client.query<{ count: number }>({ name: 'read-counted', text: readCounted })
      return rows[0]?.count ?? 0
    },
  }
}
