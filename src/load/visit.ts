import type { HttpConnection } from './http-connection.ts'

/** One arrival: a customer with one request, from the moment it is due until its fate is known. */
export interface Visit {
  /** Index into `CUSTOMERS`. */
  profile: number
  phase: number
  /** µs since the first phase began. */
  intendedUs: number
  /** When the request now on the socket was written. */
  sentUs: number
  /** First sequence of its source, and how many events; 0 events for one that only reads. */
  sequence: number
  events: number
  attempts: number
  /** An attempt's fate is not known: it may have been stored. */
  unsure: boolean
  /** The last answer was a 429. */
  limited: boolean
  done: boolean
  /** While its request is on a socket. */
  connection: HttpConnection<Visit> | undefined
  /** Neighbours among the open visits, in order of arrival. */
  before: Visit | undefined
  after: Visit | undefined
}

/** The open visits in order of arrival, so that the oldest (the next to time out) is always at the front. */
export interface OpenVisits {
  readonly length: number
  oldest(): Visit | undefined
  add(visit: Visit): void
  remove(visit: Visit): void
}

export function openVisits(): OpenVisits {
  let first: Visit | undefined
  let last: Visit | undefined
  const list = {
    length: 0,
    oldest: () => first,
    add(visit: Visit): void {
      visit.before = last
      if (last) last.after = visit
      else first = visit
      last = visit
      list.length++
    },
    remove(visit: Visit): void {
      const { before, after } = visit
      if (before) before.after = after
      else first = after
      if (after) after.before = before
      else last = before
      visit.before = visit.after = undefined
      list.length--
    },
  }
  return list
}
