import type pg from 'pg'
import type { Order } from '../../../event.ts'
import { binaryArray, elementAt } from '../../../postgres/binary-array.ts'
import { sqlStateOf } from '../../../postgres/outcome.ts'
import { callOf, callTemplate, run, type Call, type Prepared } from '../../../postgres/prepared.ts'
import { CENTS_AT, encodeOrder, PRODUCT_AT, RECORD_BYTES, STORE_AT, TIMESTAMP_AT, TYPE_AT } from '../../../record.ts'
import type { V1Knobs } from '../knobs.ts'
import insertOrder from '../sql/insert-order.sql?raw'
import insertOrderPartitioned from '../sql/insert-order-partitioned.sql?raw'
import insertOrders from '../sql/insert-orders.sql?raw'
import insertOrdersCounted from '../sql/insert-orders-counted.sql?raw'
import insertOrdersPartitioned from '../sql/insert-orders-partitioned.sql?raw'
import insertOrdersPartitionedCounted from '../sql/insert-orders-partitioned-counted.sql?raw'

/** A row for `orders_default` that another transaction has just given a partition of its own. */
const CHECK_VIOLATION = '23514'

/**
 * Stores all of these orders or none, those that are there already left as they are, in one statement that is a transaction of its own.
 * Resolves once it is committed, with `counters=hot` with the orders that were not there before, otherwise with none. Rejects as `pg` does.
 */
export type Insert = (client: pg.ClientBase, orders: readonly Order[]) => Promise<readonly Order[]>

export function createInsert({ partition, counters }: Pick<V1Knobs, 'partition' | 'counters'>): Insert {
  const ranged = partition === 'range'
  const returning = (text: string) => (counters === 'hot' ? `${text.trimEnd()}\nRETURNING id` : text)
  const one: Prepared = { name: 'insert-order', text: returning(ranged ? insertOrderPartitioned : insertOrder) }
  const many: Prepared = { name: 'insert-orders', text: manyText() }
  const single = singleCall(one)

  function manyText(): string {
    if (counters === 'table') return ranged ? insertOrdersPartitionedCounted : insertOrdersCounted
    return returning(ranged ? insertOrdersPartitioned : insertOrders)
  }

  async function insert(client: pg.ClientBase, orders: readonly Order[]): Promise<readonly Order[]> {
    // Counting is done by the statement for many alone.
    const alone = orders.length === 1 && counters !== 'table'
    const ids = alone ? await run(client, one, single(orders[0]!)) : await run(client, many, callOf(many, columnsOf(orders)))
    return counters === 'hot' ? chosen(orders, ids) : NONE
  }

  return async (client, orders) => {
    try {
      return await insert(client, orders)
    } catch (error) {
      if (!ranged || sqlStateOf(error) !== CHECK_VIOLATION) throw error
      return await insert(client, orders)
    }
  }
}

const NONE: readonly Order[] = []

function chosen(orders: readonly Order[], ids: readonly string[]): readonly Order[] {
  const byId = new Map(orders.map((it) => [it.id, it]))
  return ids.map((id) => byId.get(id)!)
}

/** One order as parameters: id, timestamp, cents, type, store, product. */
function singleCall(statement: Prepared): (order: Order) => Call {
  const { template, offsets } = callTemplate(statement, [16, 8, 4, 2, 2, 2])
  const [id, timestamp, cents, type, store, product] = offsets as [number, number, number, number, number, number]
  const record = Buffer.alloc(RECORD_BYTES)
  return (order) => {
    encodeOrder(order, record, 0)
    const call = Buffer.from(template)
    record.copy(call, id, 0, 16)
    record.copy(call, timestamp + 2, TIMESTAMP_AT, TIMESTAMP_AT + 6)
    record.copy(call, cents, CENTS_AT, CENTS_AT + 4)
    call[type + 1] = record[TYPE_AT]!
    call[store + 1] = record[STORE_AT]!
    call[product + 1] = record[PRODUCT_AT]!
    return call
  }
}

/**
 * Orders as parameters: arrays of ids, timestamps, cents, types, stores, products. Sorted by id, so that two statements with the same ids wait
 * for each other and never deadlock; of those with the same id the first alone.
 */
export function columnsOf(orders: readonly Order[]): Buffer[] {
  const sorted = orders.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)).filter((it, i, all) => it.id !== all[i - 1]?.id)
  const { length } = sorted
  const [ids, timestamps, cents] = [binaryArray('uuid', length), binaryArray('int8', length), binaryArray('int4', length)]
  const [types, stores, products] = [binaryArray('int2', length), binaryArray('int2', length), binaryArray('int2', length)]
  const record = Buffer.alloc(RECORD_BYTES)
  for (const [row, order] of sorted.entries()) {
    encodeOrder(order, record, 0)
    record.copy(ids, elementAt(16, row), 0, 16)
    record.copy(timestamps, elementAt(8, row) + 2, TIMESTAMP_AT, TIMESTAMP_AT + 6)
    record.copy(cents, elementAt(4, row), CENTS_AT, CENTS_AT + 4)
    types[elementAt(2, row) + 1] = record[TYPE_AT]!
    stores[elementAt(2, row) + 1] = record[STORE_AT]!
    products[elementAt(2, row) + 1] = record[PRODUCT_AT]!
  }
  return [ids, timestamps, cents, types, stores, products]
}
