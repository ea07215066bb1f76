/** Where things are: topics, groups, keys and channels of v5. */

/** Every accepted order, once for each time it was sent; an order's partition follows from its id. */
export const ORDERS_TOPIC = 'orders'
export const GROUP = 'clickhouse'
/** Compacted: what is in the topic of orders and is none, by where it is there. */
export const DEAD_TOPIC = 'orders-dead'

/** On which it is told that the speed layer, or what is stored, has changed. */
export const CHANGES = 'dashboard:changes'
