/** Where things are: topics, groups, keys and channels of v3. */

/** Every accepted order, once for each time it was sent. */
export const ORDERS_TOPIC = 'orders'
/** Under which the Flink job says how far its last checkpoint has read. */
export const GROUP = 'flink'
/** Compacted: running totals by (hour, product, store, type). */
export const TOTALS_TOPIC = 'totals'
/** Compacted: the time series, by the start of each window. */
export const SERIES_TOPIC = 'series'

/** Compacted: what Flink has read of each partition, and what of it was no order. */
export const INTAKE_TOPIC = 'intake'

/** How long Flink remembers an id at least: a copy that comes later is counted again (and stored no second time). */
export const IDS_REMEMBERED_HOURS = 1

/** The dashboard as a hash { version, json }. */
export const DASHBOARD = 'dashboard'
/** The time series as a sorted set: JSON of each window by its start, ms since the epoch. */
export const SERIES = 'series'
/** Events that came after their window was closed. */
export const LATE = 'series:late'
/** On which a new version of the dashboard is told. */
export const CHANGES = 'dashboard:changes'
