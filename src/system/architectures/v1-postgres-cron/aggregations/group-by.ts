import type { Aggregation } from './aggregation.ts'
import groupBy from '../sql/group-by.sql?raw'

/** Everything anew each time, in the database: exact by construction, and slower with every order there is. */
export function groupByAll(): Aggregation {
  return {
    async run(client) {
      await client.query({ name: 'group-by', text: groupBy })
    },
  }
}
