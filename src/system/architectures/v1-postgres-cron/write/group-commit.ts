import type pg from 'pg'
import { Unavailable, Unknown } from '../../../architecture.ts'
import type { Context } from '../../../context.ts'
import type { Order } from '../../../event.ts'
import { counter, gauge } from '../../../metrics.ts'
import { outcomeOf } from '../../../postgres/outcome.ts'
import { Refusal } from '../../../problem.ts'
import { createConnections } from './connections.ts'

/** Events that wait for a connection, at most; those after them are refused. */
const MAX_WAITING_EVENTS = 20_000
/** When the oldest statement is older, new orders are refused: PostgreSQL hangs. */
const STALLED_MS = 1_000
/** When it is older than this, nobody can tell any more, and its connection is given up. */
const GIVE_UP_MS = 4_000
const SWEEP_MS = 100

export interface GroupCommitKnobs {
  /** Connections, and statements at once. */
  pool: number
  /** ms. */
  poolWait: number
  /** Orders a statement, at most; what was published together stays together even when it is more. */
  batch: number
  syncCommit: 'on' | 'off'
}

/** Every connection is busy: PostgreSQL is slow for so many, and yet it is there. */
export class PoolExhausted extends Unavailable {}

/** Orders of one publish. */
interface Publish {
  orders: readonly Order[]
  sinceMs: number
  resolve: () => void
  reject: (error: Error) => void
}

/** A statement under way. */
interface Flight {
  client: pg.Client
  group: Publish[]
  sinceMs: number
  lost: boolean
}

export interface GroupCommit extends AsyncDisposable {
  /** Resolves once it is committed. */
  publish(orders: readonly Order[]): Promise<void>
  ready(): { ok: true } | { ok: false; reason: string }
}

/** Runs one statement that stores all of these or none, and is a transaction of its own. Rejects as `pg` does. */
export type Store = (client: pg.Client, orders: readonly Order[]) => Promise<void>

/**
 * Orders wait here for a connection, and no longer than `poolWait`. Whatever waits when one is free shares its statement, at most `batch`
 * orders, and its commit. So nobody waits for a group to fill: while there are connections to spare a group is what arrived in one turn of
 * the event loop, and it grows as they get fewer. With `batch` 1 a group is one publish.
 */
export function createGroupCommit(context: Context, knobs: GroupCommitKnobs, store: Store): GroupCommit {
  const waiting: Publish[] = []
  const flights = new Set<Flight>()
  let waitingEvents = 0
  let scheduled = false
  let expiry: NodeJS.Timeout | undefined
  let refused = 0
  let statements = 0
  const connections = createConnections(context, 'api-writer', { most: knobs.pool, syncCommit: knobs.syncCommit }, { onFree: pump, onAway: rejectWaiting })
  gauge('lab_pool_connections', 'Connections to PostgreSQL that write, open.', connections.open)
  gauge('lab_pool_in_use', 'Of these, with a statement under way.', connections.taken)
  gauge('lab_pool_waiting', 'Events that wait for one of these connections.', () => waitingEvents)
  counter('lab_pool_refused_total', 'Publishes refused because no connection became free in time.', () => refused)
  counter('lab_db_write_queries_total', 'Statements sent to store orders; each is a commit.', () => statements)

  const away = (reason: string) => new Unavailable(`PostgreSQL is away, nothing was written: ${reason}`, 1)
  const exhausted = (why: string) => new PoolExhausted(`all ${knobs.pool} connections are busy and ${why}, nothing was written`, 1)
  const stalled = () => new Unavailable('PostgreSQL does not answer, nothing of this was written', 1)

  function refusal(events: number): Unavailable | undefined {
    const reason = connections.away()
    if (reason !== undefined) return away(reason)
    const [oldest] = flights
    if (oldest !== undefined && performance.now() - oldest.sinceMs > STALLED_MS) return stalled()
    return waitingEvents > 0 && waitingEvents + events > MAX_WAITING_EVENTS ? exhausted(`${waitingEvents} events wait for them`) : undefined
  }

  function publish(orders: readonly Order[]): Promise<void> {
    const problem = refusal(orders.length)
    if (problem !== undefined) {
      if (problem instanceof PoolExhausted) refused += 1
      return Promise.reject(problem)
    }
    return new Promise((resolve, reject) => {
      waiting.push({ orders, sinceMs: performance.now(), resolve, reject })
      waitingEvents += orders.length
      if (knobs.batch === 1) return pump()
      if (scheduled) return
      scheduled = true
      setImmediate(() => {
        scheduled = false
        pump()
      })
    })
  }

  function pump(): void {
    while (waiting.length > 0) {
      const client = connections.take()
      if (client === undefined) {
        connections.grow()
        break
      }
      void fly({ client, group: nextGroup(), sinceMs: 0, lost: false })
    }
    watchWaiting()
  }

  function nextGroup(): Publish[] {
    const group: Publish[] = []
    let events = 0
    while (waiting.length > 0 && (group.length === 0 || events + waiting[0]!.orders.length <= knobs.batch)) {
      const next = waiting.shift()!
      group.push(next)
      events += next.orders.length
    }
    waitingEvents -= events
    return group
  }

  async function fly(flight: Flight): Promise<void> {
    flights.add(flight)
    await commit(flight, flight.group)
    flights.delete(flight)
    if (flight.lost) connections.discard(flight.client)
    else connections.give(flight.client)
    pump()
  }

  /** When the content of one is refused, each is stored alone, so that nobody fails for another. */
  async function commit(flight: Flight, group: readonly Publish[]): Promise<void> {
    flight.sinceMs = performance.now()
    statements += 1
    try {
      context.failpoint('before-commit')
      await store(flight.client, group.length === 1 ? group[0]!.orders : group.flatMap((it) => it.orders))
      context.failpoint('after-commit')
      for (const it of group) it.resolve()
    } catch (error) {
      const outcome = outcomeOf(error)
      if (outcome instanceof Unknown) flight.lost = true
      if (!(outcome instanceof Refusal) || group.length === 1) {
        for (const it of group) it.reject(outcome)
      } else {
        for (const it of group) {
          if (flight.lost) it.reject(away('the connection broke'))
          else await commit(flight, [it])
        }
      }
    }
  }

  function rejectWaiting(reason: string): void {
    waitingEvents = 0
    for (const it of waiting.splice(0)) it.reject(away(reason))
  }

  /** One timer, for the one that has waited longest. */
  function watchWaiting(): void {
    const [oldest] = waiting
    if (oldest === undefined || expiry !== undefined) return
    expiry = setTimeout(expire, Math.max(1, oldest.sinceMs + knobs.poolWait - performance.now()))
  }

  function expire(): void {
    expiry = undefined
    const nowMs = performance.now()
    while (waiting.length > 0 && nowMs - waiting[0]!.sinceMs >= knobs.poolWait) {
      const late = waiting.shift()!
      waitingEvents -= late.orders.length
      refused += 1
      late.reject(exhausted(`none became free within ${knobs.poolWait} ms`))
    }
    watchWaiting()
  }

  const sweep = setInterval(() => {
    const nowMs = performance.now()
    const late = [...flights].filter((it) => nowMs - it.sinceMs >= GIVE_UP_MS)
    if (late.length === 0) return
    context.log(`postgres has not answered for ${GIVE_UP_MS} ms: giving up ${late.length} statements`)
    for (const flight of late) {
      flight.lost = true
      for (const it of flight.group) it.reject(new Unknown('PostgreSQL did not answer in time: it may have been written'))
      connections.discard(flight.client)
    }
  }, SWEEP_MS)
  sweep.unref()

  return {
    publish,
    ready() {
      const problem = refusal(1)
      return problem === undefined ? { ok: true } : { ok: false, reason: problem.message }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(sweep)
      clearTimeout(expiry)
      rejectWaiting('this process stops')
      await connections[Symbol.asyncDispose]()
    },
  }
}
