import type { Context } from '../../context.ts'

/** Hash { version, json }: the projection that the dashboards show. */
export const DASHBOARD = 'dashboard'
/** What is told when it changes: a channel of Redis, and of PostgreSQL's NOTIFY. */
export const CHANGES = 'dashboard_changes'
/** The channel of NOTIFY: all of a database share its names, whatever schema they work in. */
export function notifiedOn(context: Pick<Context, 'access'>): string {
  const { namespace } = context.access('postgres')
  return namespace === '' ? CHANGES : `${namespace}_${CHANGES}`
}
/** List of records that `write=buffer` holds until they are stored. */
export const BUFFER = 'orders:buffer'
/** How many records were ever taken off it. */
export const BUFFER_TAKEN = 'orders:buffer:taken'
/** List of those that could not be stored. */
export const BUFFER_DEAD = 'orders:buffer:dead'
