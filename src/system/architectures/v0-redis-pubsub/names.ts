/** Channel of the orders: each message is a position (6 bytes) and the records of 0 … 1,000 orders. */
export const ORDERS = 'orders'
/** How many events were ever published, and how many of those were stored or will never be. Their difference is on its way. */
export const PUBLISHED = 'orders:published'
export const PASSED = 'orders:passed'
/** Channel on which the count of stored events is told. */
export const CHANGES = 'orders:changes'
