import type { OwnedOrder } from '../../event.ts'
import { repeated, rowOf, writeId, writeInt32 } from '../../postgres/copy-rows.ts'
import { PRODUCT_KEYS, STORE_KEYS, TYPE_KEYS } from '../../postgres/tallies.ts'

/** Where an order goes. */
export interface Place {
  workspace: number
  project: number
}

/** workspace_id, id, project_id, timestamp_ms, amount_cents, type, store, product, xid. The last stays 0: before every watermark. */
const ROW = rowOf([4, 16, 4, 8, 4, 2, 2, 2, 8])
const WORKSPACE_AT = 6
const ID_AT = 14
const PROJECT_AT = 34
const TIMESTAMP_AT = 42
const CENTS_AT = 54
const TYPE_AT = 62
const STORE_AT = 68
const PRODUCT_AT = 74

/** Rows of `orders`, as `copy-history-in.sql` takes them. */
export function encodeHistory(orders: readonly OwnedOrder[], placeOf: (order: OwnedOrder) => Place): Buffer {
  const rows = repeated(ROW, orders.length)
  let at = 0
  for (const order of orders) {
    const { workspace, project } = placeOf(order)
    const high = Math.floor(order.timestampMs / 0x1_0000_0000)
    writeInt32(rows, at + WORKSPACE_AT, workspace)
    writeId(rows, at + ID_AT, order.id)
    writeInt32(rows, at + PROJECT_AT, project)
    writeInt32(rows, at + TIMESTAMP_AT, high)
    writeInt32(rows, at + TIMESTAMP_AT + 4, order.timestampMs - high * 0x1_0000_0000)
    writeInt32(rows, at + CENTS_AT, order.amountCents)
    rows[at + TYPE_AT + 1] = TYPE_KEYS.get(order.type)!
    rows[at + STORE_AT + 1] = STORE_KEYS.get(order.store)!
    rows[at + PRODUCT_AT + 1] = PRODUCT_KEYS.get(order.product)!
    at += ROW.length
  }
  return rows
}

const DIMENSIONS = ['hour', 'type', 'store', 'product'] as const
const HOUR_MS = 3_600_000
/** Room for the hours until 2209, and for each dimension's keys. */
const HOURS = 2 ** 21
const SLOTS = 256

interface Cell {
  workspace: number
  dimension: (typeof DIMENSIONS)[number]
  hour: number
  key: number
  count: number
  cents: number
  min: number
  max: number
}

/** What these orders add to totals and aggregations: columns in the order of `count-history.sql`. */
export function countHistory(batches: readonly (readonly OwnedOrder[])[], placeOf: (order: OwnedOrder) => Place): unknown[][] {
  const cells = new Map<number, Cell>()
  const bump = (workspace: number, slot: number, hour: number, key: number, cents: number) => {
    // One number for all four: a text would be made anew for every order.
    const at = ((workspace * HOURS + hour) * DIMENSIONS.length + slot) * SLOTS + (slot === 0 ? 0 : key)
    const cell = cells.get(at)
    if (cell === undefined) {
      cells.set(at, { workspace, dimension: DIMENSIONS[slot]!, hour, key, count: 1, cents, min: cents, max: cents })
      return
    }
    cell.count += 1
    cell.cents += cents
    if (cents < cell.min) cell.min = cents
    else if (cents > cell.max) cell.max = cents
  }
  for (const batch of batches) {
    for (const order of batch) {
      const { workspace } = placeOf(order)
      const hour = Math.floor(order.timestampMs / HOUR_MS)
      bump(workspace, 0, hour, hour, order.amountCents)
      bump(workspace, 1, hour, TYPE_KEYS.get(order.type)!, order.amountCents)
      bump(workspace, 2, hour, STORE_KEYS.get(order.store)!, order.amountCents)
      bump(workspace, 3, hour, PRODUCT_KEYS.get(order.product)!, order.amountCents)
    }
  }
  const all = [...cells.values()]
  return [
    all.map((it) => it.workspace), all.map((it) => it.dimension), all.map((it) => it.hour), all.map((it) => it.key),
    all.map((it) => it.count), all.map((it) => it.cents), all.map((it) => it.min), all.map((it) => it.max),
  ]
}
