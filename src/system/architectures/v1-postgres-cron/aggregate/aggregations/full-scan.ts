import { addOrder, emptyDashboard } from '../../../../dashboard.ts'
import { ORDER_TYPES, PRODUCTS, STORES, type Order } from '../../../../event.ts'
import { totalsFromDashboard } from '../../../../postgres/totals.ts'
import readAllOrders from '../../sql/read-all-orders.sql?raw'
import writeTotals from '../../sql/write-totals.sql?raw'
import type { Aggregation } from './aggregation.ts'

/** It computes here, not in the database: ten million orders take it some seconds between two statements. */
const STALLED_AFTER_MS = 60_000

interface OrderRow {
  id: string
  timestamp_ms: string
  amount_cents: number
  type: number
  store: number
  product: number
}

/**
 * What a first version does: reads every order there is into memory, as objects, and adds them up. Naive on purpose: memory and time grow with
 * the history, until the process has no heap left (knob `heap`) and dies. Exact as long as it lives.
 */
export function fullScan(): Aggregation {
  return {
    schema: [],
    stalledAfterMs: STALLED_AFTER_MS,
    async run(client) {
      const { rows } = await client.query<OrderRow>(readAllOrders)
      const orders = rows.map(toOrder)
      const dashboard = emptyDashboard()
      for (const order of orders) addOrder(dashboard, order)
      const totals = totalsFromDashboard(dashboard)
      const column = <Key extends keyof (typeof totals)[number]>(key: Key) => totals.map((row) => row[key])
      await client.query({ name: 'write-totals', text: writeTotals, values: [column('dimension'), column('key'), column('count'), column('revenue_cents')] })
      return orders.length
    },
  }
}

function toOrder(row: OrderRow): Order {
  return {
    id: row.id,
    type: ORDER_TYPES[row.type]!,
    store: STORES[row.store]!,
    product: PRODUCTS[row.product]!,
    amountCents: row.amount_cents,
    timestampMs: Number(row.timestamp_ms),
  }
}
