import type { ClientBase } from 'pg'
import { AGGREGATIONS } from './aggregations/index.ts'
import type { V1Knobs } from '../knobs.ts'
import createEventCounts from '../sql/create-event-counts.sql?raw'

/** What aggregator and counters need beside `orders` and `totals`. Called by the setup, which lets nobody else in meanwhile. */
export async function createAggregationSchema(client: ClientBase, knobs: Pick<V1Knobs, 'aggregator' | 'counters'>): Promise<void> {
  const statements = [...AGGREGATIONS[knobs.aggregator]().schema, ...(knobs.counters === 'table' ? [createEventCounts] : [])]
  for (const statement of statements) await client.query(statement)
}
