import type { Reply } from './http-reply.ts'
import { fifo } from './fifo.ts'
import { HttpConnection, type CloseReason } from './http-connection.ts'

/** Where jobs come from and go to. Times in µs of the owner's clock. */
export interface PoolUser<Job> {
  /** The next job that wants a connection, taken off the queue. */
  nextJob(): Job | undefined
  /** How many of them there are. */
  waiting(): number
  send(connection: HttpConnection<Job>, job: Job): void
  onReply(job: Job, reply: Reply): void
  onLost(job: Job, why: CloseReason): void
}

export interface ConnectionPool<Job> {
  readonly connections: { open: number; opened: number; dropped: number }
  /** True while the last attempt to connect failed. */
  readonly refused: boolean
  /** An idle connection for a new job, the one that has been idle longest. */
  take(): HttpConnection<Job> | undefined
  /** Opens connections for the jobs that wait, as many as are allowed. */
  grow(nowUs: number): void
  /** Calls `visit` with every job on a socket. */
  eachBusy(visit: (job: Job) => void): void
  /** Closes the connection of a job that was given up. */
  drop(connection: HttpConnection<Job>): void
  /** From time to time: opens what is missing, closes what has been idle or connecting for too long. */
  tend(nowUs: number): void
  close(): void
}

/** A node:http server closes connections idle for 5 s; a request written into that would be lost with its fate unknown. */
const IDLE_LIMIT_US = 4_000_000
const RECONNECT_AFTER_US = 100_000
/**
 * Coming up at the same time at the most. A first millisecond's 20 arrivals would otherwise open 256 connections before any is
 * up, which costs the loop 50 ms; a fast server needs 12 of them.
 */
const CONNECTING_LIMIT = 32
const CONNECT_LIMIT_US = 10_000_000

/**
 * Keep-alive connections, opened on demand up to `max`. Idle ones are used in turn (the longest idle first), so all stay
 * warm and the load spreads over the replicas behind one port.
 */
export function connectionPool<Job>(host: string, port: number, max: number, clockUs: () => number, user: PoolUser<Job>): ConnectionPool<Job> {
  const all = new Set<HttpConnection<Job>>()
  const idle = fifo<HttpConnection<Job>>()
  let connecting = 0
  let connectAgainUs = 0
  const pool = { connections: { open: 0, opened: 0, dropped: 0 }, refused: false, take, grow, eachBusy, drop, tend, close }

  const owner = {
    onConnected(connection: HttpConnection<Job>) {
      connecting--
      pool.refused = false
      pool.connections.open++
      pool.connections.opened++
      serve(connection)
    },
    onReply(connection: HttpConnection<Job>, job: Job, reply: Reply) {
      const { close } = reply
      user.onReply(job, reply)
      connection.job = undefined
      if (!close) {
        serve(connection)
        return
      }
      drop(connection)
      grow(clockUs())
    },
    onLost(connection: HttpConnection<Job>, job: Job | undefined, why: CloseReason) {
      const nowUs = clockUs()
      if (why === 'connect') {
        pool.refused = true
        connectAgainUs = nowUs + RECONNECT_AFTER_US
      } else {
        pool.connections.dropped++
      }
      if (job !== undefined) user.onLost(job, why)
      forget(connection)
      grow(nowUs)
    },
  }
  return pool

  function serve(connection: HttpConnection<Job>): void {
    const job = user.nextJob()
    if (job !== undefined) {
      user.send(connection, job)
      return
    }
    connection.sinceUs = clockUs()
    idle.push(connection)
  }

  function take(): HttpConnection<Job> | undefined {
    for (let connection = idle.shift(); connection !== undefined; connection = idle.shift()) {
      if (connection.open) return connection
    }
    return undefined
  }

  /** One connection for every waiting job that has none on its way yet. */
  function grow(nowUs: number): void {
    while (all.size < max && connecting < Math.min(CONNECTING_LIMIT, user.waiting()) && nowUs >= connectAgainUs) {
      connecting++
      all.add(new HttpConnection<Job>(host, port, owner, nowUs))
    }
  }

  function forget(connection: HttpConnection<Job>): void {
    if (!all.delete(connection)) return
    if (connection.connected) pool.connections.open--
    else connecting--
  }

  function drop(connection: HttpConnection<Job>): void {
    connection.close()
    forget(connection)
  }

  function eachBusy(visit: (job: Job) => void): void {
    for (const connection of all) if (connection.job !== undefined) visit(connection.job)
  }

  function tend(nowUs: number): void {
    for (let oldest = idle.peek(); oldest && (!oldest.open || nowUs - oldest.sinceUs > IDLE_LIMIT_US); oldest = idle.peek()) {
      idle.shift()
      if (oldest.open) drop(oldest)
    }
    if (connecting > 0) {
      for (const connection of all) if (!connection.connected && nowUs - connection.sinceUs > CONNECT_LIMIT_US) drop(connection)
    }
    grow(nowUs)
  }

  function close(): void {
    for (const connection of all) connection.close()
    all.clear()
    connecting = 0
    pool.connections.open = 0
  }
}
