import { connect } from 'node:net'
import pg from 'pg'
import type { Context } from '../context.ts'
import { reasonOf } from '../reason.ts'
import { connectPostgres } from './connect.ts'

/** Reads that wait for a connection, at most; those after them are refused. */
const MAX_WAITING = 100
/** What runs longer than this is ended by the server: whoever asked has gone. */
const STATEMENT_TIMEOUT_MS = 20_000
/** A statement that takes longer makes us ask whether the server answers at all. */
const SUSPECT_AFTER_MS = 250
const TICK_MS = 250
const PROBE_WITHIN_MS = 700
const PROBE_EVERY_MS = 500
const END_WITHIN_MS = 500

/** The server does not answer; nothing is known of what was asked. */
export class ServerAway extends Error {
  override name = 'ServerAway'
}

/** It answers, and has more to do than it can. */
export class TooManyWaiting extends Error {
  override name = 'TooManyWaiting'
}

export interface Statement {
  name: string
  text: string
  values?: unknown[]
}

/** What reads need of PostgreSQL; a pool of `pg` has it too. */
export interface Queries {
  query<Row extends pg.QueryResultRow>(statement: Statement): Promise<{ rows: Row[] }>
}

export interface BoundedPool extends Queries, AsyncDisposable {
  /** False since it was found away, until it answers again: it is looked after as long as that. */
  answers(): boolean
  /** Statements sent so far. */
  statements(): number
}

/**
 * A pool for reads that never wait for a server that stands still. A slow statement may be slow; but while one runs the server is asked on a
 * connection of its own whether it answers, and when it does not, all of them fail with {@link ServerAway}, about a second after they began.
 */
export function createBoundedPool(context: Context, purpose: string, connections: number, account?: Parameters<typeof connectPostgres>[4]): BoundedPool {
  const pool = connectPostgres(context, purpose, connections, undefined, account)
  pool.options.onConnect = async (client) => void (await client.query(`SET statement_timeout = ${STATEMENT_TIMEOUT_MS}`))
  const address = context.address('postgres')
  const pending = new Set<{ sinceMs: number; fail: (error: Error) => void }>()
  let statements = 0
  let away = false
  let timer: NodeJS.Timeout | undefined
  let probing = false
  let probedMs = -Infinity

  function lose(reason: string): void {
    if (!away) context.log(`postgres (${purpose}) is away: ${reason}`)
    away = true
    for (const { fail } of pending) fail(new ServerAway(reason))
    pending.clear()
    watch()
  }

  function watch(): void {
    timer ??= setInterval(() => void tick(), TICK_MS).unref()
  }

  async function tick(): Promise<void> {
    if (!away && pending.size === 0) {
      clearInterval(timer)
      timer = undefined
      return
    }
    const nowMs = performance.now()
    const oldest = pending.values().next().value
    const due = away || (oldest !== undefined && nowMs - oldest.sinceMs >= SUSPECT_AFTER_MS)
    if (!due || probing || nowMs - probedMs < PROBE_EVERY_MS) return
    probing = true
    const problem = await probe(address)
    probing = false
    probedMs = performance.now()
    if (problem !== undefined) return lose(problem)
    if (away) context.log(`postgres (${purpose}) is back`)
    away = false
  }

  /** Of an error: is the server away, or is it too busy for one more, or is it the statement's own? */
  function judged(error: Error): Error {
    if (error instanceof pg.DatabaseError && !isLeaving(error.code ?? '')) return error
    if (pool.totalCount >= connections && error.message.startsWith('timeout exceeded')) return new TooManyWaiting('no connection became free in time')
    lose(reasonOf(error))
    return new ServerAway(reasonOf(error))
  }

  return {
    answers: () => !away,
    statements: () => statements,
    query<Row extends pg.QueryResultRow>(statement: Statement) {
      if (away) return Promise.reject(new ServerAway('it does not answer'))
      if (pool.waitingCount >= MAX_WAITING) return Promise.reject(new TooManyWaiting(`${MAX_WAITING} others wait for a connection`))
      statements += 1
      return new Promise<{ rows: Row[] }>((resolve, reject) => {
        const entry = { sinceMs: performance.now(), fail: reject }
        pending.add(entry)
        watch()
        const attempt = (): Promise<{ rows: Row[] }> => pool.query<Row>(statement)
        attempt().catch((error: Error) => {
          if (isBroken(error)) return attempt()
          throw error
        }).then(resolve, (error: Error) => reject(judged(error))).finally(() => pending.delete(entry))
      })
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      // A connection that hangs is never given back.
      await Promise.race([pool.end(), new Promise((resolve) => setTimeout(resolve, END_WITHIN_MS).unref())])
    },
  }
}

/** One connection is gone, which says nothing about the next: a read may be made again. */
function isBroken(error: Error & { code?: string }): boolean {
  return error.message === 'Connection terminated unexpectedly' || ['57P01', 'ECONNRESET', 'EPIPE'].includes(error.code ?? '')
}

/** Shutting down, crashed, starting, out of connections. https://www.postgresql.org/docs/current/errcodes-appendix.html */
function isLeaving(code: string): boolean {
  return code.startsWith('57P0') || code.startsWith('08') || code === '53300'
}

/** SSLRequest: the one message that is answered before any authentication, with one byte. https://www.postgresql.org/docs/current/protocol-message-formats.html */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

/** Why the server does not answer; undefined when it does. The kernel accepts connections for a process that stands still, so only its reply counts. */
function probe(address: { host: string; port: number }): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(address, () => socket.write(SSL_REQUEST))
    const done = (problem: string | undefined): void => {
      clearTimeout(late)
      socket.destroy()
      resolve(problem)
    }
    // A late event loop has the reply already, most of the time: look once more.
    const late = setTimeout(() => setImmediate(() => done(`no answer within ${PROBE_WITHIN_MS} ms`)), PROBE_WITHIN_MS)
    socket.once('data', () => done(undefined)).once('error', (error) => done(reasonOf(error))).once('close', () => done('it closed the connection'))
  })
}
