import { binaryArray, elementAt } from '../../../postgres/binary-array.ts'
import { CENTS_AT, PRODUCT_AT, STORE_AT, TIMESTAMP_AT, TYPE_AT } from '../../../record.ts'
import type { Event } from '../ingest/message.ts'

/** As PostgreSQL sorts the primary key. */
function byPrimaryKey(a: Event, b: Event): number {
  return a.workspace - b.workspace || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

/** Parameters of `store-batch.sql`: arrays of PostgreSQL in their binary form, in the order of the primary key. */
export function toColumns(events: readonly Event[]): Buffer[] {
  const rows = events.toSorted(byPrimaryKey)
  const { length } = rows
  const [workspaces, ids, projects] = [binaryArray('int4', length), binaryArray('uuid', length), binaryArray('int4', length)]
  const [timestamps, cents] = [binaryArray('int8', length), binaryArray('int4', length)]
  const [types, stores, products] = [binaryArray('int2', length), binaryArray('int2', length), binaryArray('int2', length)]
  for (const [row, { workspace, project, record }] of rows.entries()) {
    workspaces.writeInt32BE(workspace, elementAt(4, row))
    record.copy(ids, elementAt(16, row), 0, 16)
    projects.writeInt32BE(project, elementAt(4, row))
    record.copy(timestamps, elementAt(8, row) + 2, TIMESTAMP_AT, TIMESTAMP_AT + 6)
    cents.writeUInt32BE(record.readUInt32BE(CENTS_AT), elementAt(4, row))
    types[elementAt(2, row) + 1] = record[TYPE_AT]!
    stores[elementAt(2, row) + 1] = record[STORE_AT]!
    products[elementAt(2, row) + 1] = record[PRODUCT_AT]!
  }
  return [workspaces, ids, projects, timestamps, cents, types, stores, products]
}

/** A row of `orders`, without what the database adds. */
export interface StoredRow {
  workspace_id: number
  id: string
  project_id: number
  timestamp_ms: number
  amount_cents: number
  type: number
  store: number
  product: number
}

/** Is this what is stored? */
export function isSame({ workspace, project, record }: Event, row: StoredRow): boolean {
  return workspace === row.workspace_id && project === row.project_id
    && record.readUIntBE(TIMESTAMP_AT, 6) === row.timestamp_ms && record.readUInt32BE(CENTS_AT) === row.amount_cents
    && record[TYPE_AT] === row.type && record[STORE_AT] === row.store && record[PRODUCT_AT] === row.product
}
