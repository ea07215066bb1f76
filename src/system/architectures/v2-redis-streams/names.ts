export const STREAM = 'orders'
/** Counter: events in the stream, as an entry holds several. */
export const EVENTS = 'orders:events'
export const DEAD_STREAM = 'orders:dead'
export const GROUP = 'workers'
/** Hash { version, json }: the projection that the API shows. */
export const DASHBOARD = 'dashboard'
/** Channel on which the version of a new projection is told. */
export const CHANGES = 'dashboard:changes'
