/** Hash { version, json }: the projection that the dashboards show. */
export const DASHBOARD = 'dashboard'
/** What is told when it changes: a channel of Redis, and of PostgreSQL's NOTIFY. */
export const CHANGES = 'dashboard_changes'
/** List of records that `write=buffer` holds until they are stored. */
export const BUFFER = 'orders:buffer'
