/** Where things are: topics, keys and channels of v3. */

/** Every accepted order, once for each time it was sent. */
export const ORDERS_TOPIC = 'orders'
/** Compacted: running totals by (hour, product, store, type). */
export const TOTALS_TOPIC = 'totals'
/** Compacted: the time series, by the start of each window. */
export const SERIES_TOPIC = 'series'

/** The dashboard as a hash { version, json }. */
export const DASHBOARD = 'dashboard'
/** The time series as a hash: start of the window → JSON. */
export const SERIES = 'series'
/** On which a new version of the dashboard is told. */
export const CHANGES = 'dashboard:changes'
